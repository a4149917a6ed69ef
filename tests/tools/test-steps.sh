# The steps of `./run test`. Sourced by run, whose functions (step, need_packages, build_with, ...) are used here.
#
# A step that fails does not stop those after it; a tool or a test that is missing, and a test that was skipped, counts as failed. The
# last line adds up: every test of a runner that tells its tests, and one for each step that does not.
#
# A test program, flow or browser file that failed runs once more, alone. One that passes then is unsteady: it counts as passed, and the
# end names it with what it said when it failed, since a test or the product is wrong about time there.

passed=0
failed=0
findings=() # lines of the tests that failed, for the end
unsteady=() # names
times=() # "SECONDS NAME" of each step and each flow

# check NAME COMMAND...: a step that is one test. A line `said: TEXT` of its log is added to the step's line.
check() {
  local code began=$SECONDS
  step_detail=say_text
  set +e # not `if step`: errexit is dead in whatever a condition calls
  step "$@"
  code=$?
  set -e
  if [ "$code" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
  times+=("$((SECONDS - began)) $1")
  [ "$code" = 0 ] || findings+=("$1")
}

# suite NAME COMMAND...: a step whose COMMAND calls `counted`. A suite that failed counts at least one failed test.
suite() {
  local code counts began=$SECONDS
  step_detail=say_counts
  set +e
  step "$@"
  code=$?
  set -e
  read_counts
  passed=$((passed + counts[0]))
  if [ "$code" != 0 ] && [ "${counts[1]}" = 0 ]; then counts[1]=1; fi
  failed=$((failed + counts[1]))
  times+=("$((SECONDS - began)) $1")
  note_parts "$1"
  note_findings "$1" "$code"
}

# Out of a log: who failed, and the lines that say where; of a text of several lines the first few.
findings_of() {
  awk '
    { line = substr($0, 1, 240); tells = line ~ /^(  [|] *|first time: )*(not ok|.*\[  (ERROR|FAILED)  +\]|.*\[   LINE   \]|.*(ERROR|WARNING|SUMMARY): [A-Za-z]+Sanitizer|.*runtime error:|.*Assertion .* failed| *error: | *(expected|actual): |.*\*\*\*(Failed|Timeout|Exception))/ }
    tells || more-- > 0 { print line }
    tells { more = line ~ /(error|expected|actual): \|-$/ ? 8 : 0 }
  ' "$1" | head -n 80
}
note_findings() {
  local line
  while read -r line; do unsteady+=("$line ($1)"); done < <(sed -n 's/^unsteady: //p' "$step_log")
  if [ "$2" != 0 ] || grep -q '^unsteady: ' "$step_log"; then
    findings+=("$1:")
    while IFS= read -r line; do findings+=("  $line"); done < <(findings_of "$step_log")
  fi
}
say_findings() {
  [ "${#findings[@]}" = 0 ] || printf '%s\n' 'what failed:' "${findings[@]/#/  }"
  [ "${#unsteady[@]}" = 0 ] || printf '%s\n' 'unsteady, passed only when run again alone:' "${unsteady[@]/#/  }"
}

# The times of single flows and test programs out of the step's log.
note_parts() {
  local line
  while read -r line; do times+=("$line"); done < <(
    sed -nE 's/^(not )?ok ([^ ]+) \(([0-9]+) s\).*/\3 \2/p; s/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: ([^ ]+) \.+.* ([0-9]+)\.[0-9]+ sec$/\2 \1/p' "$step_log" |
      sed "s|\$| ($1)|")
}

say_slowest() {
  echo "the ten slowest:"
  printf '%s\n' "${times[@]}" | sort -rn | head -n 10 | sed -E 's/^([0-9]+) /   \1 s  /'
}

# Adds up the lines `counted: PASSED FAILED` of the step's log into counts.
read_counts() { read -r -a counts <<<"$(awk '$1 == "counted:" { p += $2; f += $3 } END { print p + 0, f + 0 }' "$step_log")"; }
say_text() { sed -n 's/^said: /, /p' "$step_log" | tail -n 1 | tr -d '\n'; }
say_counts() {
  local counts
  read_counts
  printf ', %s passed, %s failed' "${counts[@]}"
}

# counted RUNNER COMMAND...: runs COMMAND, whose output RUNNER (a count_ function) turns into `PASSED FAILED`. Fails when COMMAND failed,
# when a test failed or was skipped, and when there was none.
counted() {
  local runner=$1 code output counts
  shift
  output=$(mktemp "$home/var/counted.XXXXXX")
  set +e
  (set -e; "$@") 2>&1 | tee "$output"
  code=${PIPESTATUS[0]}
  set -e
  read -r -a counts <<<"$("count_$runner" <"$output")"
  rm -f "$output"
  echo "counted: ${counts[*]}"
  [ "$code" = 0 ] && [ "${counts[1]}" = 0 ] && [ "${counts[0]}" != 0 ]
}

count_ctest() {
  awk '/^[0-9]+% tests passed, .* tests failed out of/ { for (i = 1; i < NF; i++) if ($(i + 1) == "tests" && $(i + 2) == "failed") f += $i; all += $NF }
       /^[ \t]*[0-9]+ - .*\((Skipped|Disabled)\)/ { skipped++ }
       /^unsteady: / { f-- }
       END { print all - f - skipped, f + skipped }'
}
count_node() {
  awk '($1 == "#" || $1 == "ℹ") && NF == 3 { n[$2] += $3 } END { print n["pass"] + 0, n["fail"] + n["cancelled"] + n["skipped"] + n["todo"] }'
}
count_tap() { awk '/^ok / { p++ } /^not ok / { f++ } /^unsteady: / { p++; f-- } END { print p + 0, f + 0 }'; }

# ---- what is needed ---------------------------------------------------------------------------------------------------------------

install_for_tests() {
  local packages=("${packages_test[@]}")
  [ -z "$all" ] || packages+=("${packages_all[@]}")
  if node_is_at_least 18; then need_packages "${packages_build[@]}" "${packages[@]}"; else
    need_packages "${packages_build[@]}" "${packages_node[@]}" "${packages[@]}"
  fi
  use_newer_node
  use_browser
  use_firefox
}

# The browser tests need Node 20; Debian 12 has 18. A newer one comes out of the package registry and stays in var/.
use_newer_node() {
  node_is_at_least 20 && return
  [ -x var/node/node_modules/node/bin/node ] || step 'fetch a newer Node' npm install --no-save --no-package-lock --prefix var/node node@22
  export PATH=$home/var/node/node_modules/node/bin:$PATH
}

# Ubuntu's chromium is a snap, which containers cannot run: there playwright's own is fetched.
use_browser() {
  local name
  for name in chromium chromium-browser google-chrome; do
    if [ -z "${SEISMO_CHROMIUM:-}" ] && "$name" --version >/dev/null 2>&1; then SEISMO_CHROMIUM=$(command -v "$name"); fi
  done
  if [ -z "${SEISMO_CHROMIUM:-}" ]; then
    export PLAYWRIGHT_BROWSERS_PATH=$home/var/browsers
    step 'fetch a browser' npx --yes playwright-core install --with-deps --only-shell chromium
    SEISMO_CHROMIUM=$(find var/browsers -type f -name '*headless*shell*' -perm -u+x | head -n 1)
  fi
  export SEISMO_CHROMIUM
}

# Ubuntu's firefox is a snap too.
use_firefox() {
  if [ -z "${SEISMO_FIREFOX:-}" ]; then SEISMO_FIREFOX=$(command -v firefox-esr || true); fi
  if [ -z "$SEISMO_FIREFOX" ]; then
    step 'fetch Firefox' npx --yes @puppeteer/browsers install firefox@esr --path var/browsers
    SEISMO_FIREFOX=$(find "$home/var/browsers" -type f -name firefox -perm -u+x | head -n 1)
  fi
  export SEISMO_FIREFOX
}

# newest TOOL: the tool in the version that the formatting was agreed on, where it can be had beside others.
newest() { command -v "$1-14" || command -v "$1" || { echo "$1 is missing" >&2; return 1; }; }

c_files() { find collector tests -name node_modules -prune -o -type f \( -name '*.c' -o -name '*.h' -o -name '*.cc' \) -print | LC_ALL=C sort; }

# ---- the daily steps --------------------------------------------------------------------------------------------------------------

check_format() { c_files | xargs "$(newest clang-format)" --dry-run -Werror; }
check_includes() { tests/tools/check_includes; }
check_generated() { node schemas/generate.mjs --check; }
check_codes() { tests/tools/check_codes; }
check_types() { npm run typecheck; }

unit_js() {
  local code=0
  counted node npm test --workspaces --if-present || code=1
  counted node node --test tests/unit/*.test.mjs || code=1
  return $code
}

sanitized() { build_with "build-$1" -DCMAKE_BUILD_TYPE=Debug -DSEISMO_TESTS=ON "-DSEISMO_SANITIZE=$2"; }
# run_ctest DIR [OPTION...]: what failed runs once more, alone. Its own output is set off, so that it is not counted.
run_ctest() {
  local dir=$1 name
  local options=(--test-dir "$dir" --output-on-failure --timeout 120)
  shift
  $ctest_under ctest "${options[@]}" --no-tests=error -j "$at_a_time" "$@" && return
  [ -s "$dir/Testing/Temporary/LastTestsFailed.log" ] || return 1
  sed 's/^[0-9]*://' "$dir/Testing/Temporary/LastTestsFailed.log" >"$dir/failed-once"
  if $ctest_under ctest "${options[@]}" "$@" --rerun-failed | sed 's/^/again: /'; then
    while read -r name; do echo "unsteady: $name"; done <"$dir/failed-once"
  else
    return 1
  fi
}
ctest_under= # a command that runs it
at_a_time=$(nproc)
# Those of the Kafka bus mostly wait.
unit_c() { sanitized dev address,undefined && at_a_time=$((2 * at_a_time)) counted ctest run_ctest build-dev; }

# Every executable tests/flow/NN_name, each with its own log; a flow of the other kind of parts says `only: embedded` or `only: stack` in
# its head. Two for each core at once, since they mostly wait: first those that say `long: yes` (a minute and more), so that none of them is
# begun last; one that says `alone: yes` has the machine for itself at the end.
flows() { counted tap run_flows "$1"; }
run_flows() {
  local flow alone=() long=() short=()
  [ -x build/seismo ] || { echo "build/seismo is missing"; return 1; }
  mkdir -p "var/log/flow-$1"
  for flow in tests/flow/[0-9][0-9]_*; do
    [ -f "$flow" ] || continue
    if only_for_other "$flow" "$1"; then continue; fi
    if says "$flow" 'alone: yes'; then alone+=("$flow"); elif says "$flow" 'long: yes'; then long+=("$flow"); else short+=("$flow"); fi
  done
  : >"var/log/flow-$1/failed-once"
  flows_at_once "$((2 * $(nproc)))" "$1" "${long[@]}" "${short[@]}"
  flows_at_once 1 "$1" "${alone[@]}"
  while read -r flow; do flow_again "$flow" "$1"; done <"var/log/flow-$1/failed-once"
}
says() { head -n 20 "$1" | grep -q "$2"; }
# flows_at_once N KIND FLOW...
flows_at_once() {
  local most=$1 kind=$2 flow
  shift 2
  for flow; do
    while [ "$(jobs -rp | wc -l)" -ge "$most" ]; do wait -n || true; done
    (
      text=$(one_flow "$flow" "var/log/flow-$kind/$(basename "$flow").log")
      echo "$text"
      if grep -q '^not ok ' <<<"$text"; then echo "$flow" >>"var/log/flow-$kind/failed-once"; fi
    ) &
  done
  wait
}
flow_again() {
  local text
  text=$(one_flow "$1" "var/log/flow-$2/$(basename "$1").again.log")
  sed 's/^/again: /' <<<"$text"
  if ! grep -q '^not ok ' <<<"$text"; then echo "unsteady: ${1##*/}"; fi
}
only_for_other() {
  local only
  only=$(head -n 20 "$1" | sed -n 's/.*only: \(embedded\|stack\).*/\1/p' | head -n 1)
  [ -n "$only" ] && [ "$only" != "$2" ] && echo "# ${1##*/} is $only only"
}
one_flow() {
  local began=$SECONDS code=0
  timeout --kill-after=15 "${SEISMO_FLOW_SECONDS:-600}" "$1" >"$2" 2>&1 </dev/null || code=$?
  if [ "$code" = 0 ]; then echo "ok ${1##*/} ($((SECONDS - began)) s)"; return; fi
  tail -n 25 "$2" | sed 's/^/  | /'
  echo "not ok ${1##*/} ($((SECONDS - began)) s) exit code $code, $2"
}

# A file for each core at once; each starts a browser and a collector of its own. What failed runs once more, alone.
browser() { counted node run_browser; }
run_browser() {
  local file log code=0 kind=embedded
  [ -z "${SEISMO_TEST_STACK:-}" ] || kind=stack
  [ -x build/seismo ] || { echo "build/seismo is missing"; return 1; }
  mkdir -p var/log/browser
  : >var/log/browser/failed-once
  for file in tests/browser/[0-9][0-9]_*.test.mjs; do
    if only_for_other "$file" "$kind"; then continue; fi
    while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n || true; done
    browser_file_once "$file" "var/log/browser/${file##*/}.log" &
  done
  wait
  while read -r file; do
    if one_browser_file "$file"; then echo "unsteady: ${file##*/}"; else code=1; fi
  done <var/log/browser/failed-once
  return $code
}
browser_file_once() {
  local text ended=ok began=$SECONDS
  if one_browser_file "$1" >"$2" 2>&1; then text=$(cat "$2"); else
    ended='not ok' text=$(sed 's/^/first time: /' "$2")
    echo "$1" >>var/log/browser/failed-once
  fi
  printf '%s\n' "$text" "$ended ${1##*/} ($((SECONDS - began)) s)"
}
browser_file_seconds=600 # most take one or two minutes; a machine of CI may be three times as slow
one_browser_file() {
  local code=0
  timeout --kill-after=15 "$browser_file_seconds" node --test "$1" </dev/null || code=$?
  [ "$code" != 124 ] || echo "not ok ${1##*/} was ended after $browser_file_seconds s, in the test after the last that is told above"
  return "$code"
}

daily_steps() {
  check 'format' check_format
  check 'include table' check_includes
  check 'generated files' check_generated
  check 'a page for each code' check_codes
  check 'typescript types' check_types
  suite 'unit, javascript' unit_js
  suite 'unit and cases, c, address and undefined sanitizers' unit_c
  check 'release build' build_collector
  check 'command blocks of the docs' tests/tools/check_docs.mjs
  suite 'flows, embedded' flows embedded
  suite 'browser, embedded' browser
}

# ---- what CI adds -----------------------------------------------------------------------------------------------------------------

# The bytes between two symbols of the assembler are what assets.c is about.
run_cppcheck() {
  cppcheck --std=c11 --enable=warning,performance,portability --inline-suppr --file-filter="*.c" --suppress=missingIncludeSystem \
    --suppress=comparePointers:collector/assets.c \
    --error-exitcode=1 --quiet -j "$(nproc)" -I collector collector
}

run_tidy() {
  local tidy code=0
  tidy=$(newest clang-tidy)
  find collector -name '*.c' | LC_ALL=C sort | xargs -n 4 -P "$(nproc)" "$tidy" -p build-dev --quiet --warnings-as-errors='*' >var/log/clang-tidy-all.log 2>&1 || code=$?
  cat var/log/clang-tidy-all.log
  grep -a 'error:' var/log/clang-tidy-all.log | sort -u || true # the findings once more, without the paths that lead to them
  return "$code"
}

# The thread sanitizer of this generation cannot place its memory where addresses are scattered widely.
unscattered() { if setarch -R true 2>/dev/null; then setarch -R "$@"; else "$@"; fi; }
# Left out: librdkafka starts its threads by C11's thrd_create, which this sanitizer does not know (it crashes in the first of them);
# http and detect have no threads of their own, and detect computes for minutes.
not_for_threads='^(bus_bus_kafka|http_|detect_|enrich_|validate_|event_)'
unit_threads() {
  sanitized tsan thread
  [ ! -f tests/tools/tsan.supp ] || export TSAN_OPTIONS="suppressions=$home/tests/tools/tsan.supp"
  ctest_under=unscattered counted ctest run_ctest build-tsan --timeout 240 -E "$not_for_threads"
}

# The program that the sanitizers watch, as a whole.
sanitized_flows() { counted tap run_sanitized_flows; }
run_sanitized_flows() {
  local flow
  [ -x build-dev/seismo ] || { echo "build-dev/seismo is missing"; return 1; }
  mkdir -p var/log/flow-sanitized
  for flow in "${three_flows[@]}"; do
    SEISMO_TEST_SANITIZED=1 SEISMO_BINARY=$home/build-dev/seismo one_flow "$flow" "var/log/flow-sanitized/$(basename "$flow").log"
  done
}
three_flows=(tests/flow/01_one_beacon.mjs tests/flow/02_bad_requests.mjs tests/flow/04_kill.mjs)

# The lines of collector/ that unit tests and three flows run. What they find wrong has been told by the steps before.
coverage() {
  local flow
  build_with build-coverage -DCMAKE_BUILD_TYPE=Debug -DSEISMO_TESTS=ON -DSEISMO_COVERAGE=ON
  find build-coverage -name '*.gcda' -delete
  ctest --test-dir build-coverage --timeout 60 -j "$(nproc)" || true
  for flow in "${three_flows[@]}"; do
    SEISMO_TEST_ROUNDS=2 SEISMO_BINARY=$home/build-coverage/seismo timeout --kill-after=15 60 "$flow" || true
  done
  node tests/tools/coverage.mjs build-coverage
}

# Each fuzz target for some seconds on a copy of its corpus; what a target finds is kept in var/fuzz/NAME.
fuzz() { counted tap run_fuzzers; }
run_fuzzers() {
  local target name dir begun=0
  CC=$(newest clang) CXX=$(newest clang++) build_with build-fuzz -DCMAKE_BUILD_TYPE=Debug -DSEISMO_FUZZ=ON >&2
  for target in build-fuzz/fuzz_*; do
    [ -x "$target" ] && [ -f "$target" ] || continue
    name=${target#build-fuzz/fuzz_} dir=var/fuzz/${target#build-fuzz/fuzz_}
    rm -rf "$dir"
    mkdir -p "$dir/corpus"
    [ ! -d "tests/fuzz/corpus/$name" ] || cp "tests/fuzz/corpus/$name"/* "$dir/corpus/"
    one_fuzzer "$target" "$name" "$dir" &
    [ $((++begun % $(nproc))) != 0 ] || wait
  done
  wait
}
one_fuzzer() {
  if timeout 120 "$1" -max_total_time="${SEISMO_FUZZ_SECONDS:-15}" -timeout=5 -rss_limit_mb=2048 "-artifact_prefix=$3/" "$3/corpus" >"$3/log" 2>&1; then
    echo "ok $2, $(grep -a '^Done' "$3/log")"
  else
    tail -n 25 "$3/log" | sed 's/^/  | /'
    echo "not ok $2, see $3"
  fi
}

# Under /tmp, since Elasticsearch runs as a user who may not reach the checkout.
stack_dir=
stack_start() { tests/stack/kafka-up "$stack_dir/kafka" >"$stack_dir/kafka.address" && tests/stack/es-up "$stack_dir/es" >"$stack_dir/es.address"; }
stack_stop() { tests/stack/down "$stack_dir/kafka" "$stack_dir/es"; }
stack_remove() {
  stack_stop >/dev/null
  rm -rf "$stack_dir"
}

stack_c() {
  cmake -S . -B build -DSEISMO_STACK_TESTS=ON >/dev/null && ninja -C build &&
    counted ctest run_ctest build -L stack --timeout 300
}

# Steps find the addresses in the environment, as tests/stack/with-stack gives them.
stack_steps() {
  local brokers=none address=none
  stack_dir=$(mktemp -d /tmp/seismo-stack.XXXXXX)
  chmod 755 "$stack_dir"
  trap stack_remove EXIT
  check 'start a real Kafka and Elasticsearch' stack_start
  read -r _ brokers <"$stack_dir/kafka.address" || true
  read -r _ address <"$stack_dir/es.address" || true
  export KAFKA_BROKERS=$brokers ELASTIC_URL=http://$address SEISMO_TEST_STACK=1
  suite 'C tests, Kafka and Elasticsearch' stack_c
  suite 'flows, Kafka and Elasticsearch' flows stack
  suite 'browser, Kafka and Elasticsearch' browser
  unset SEISMO_TEST_STACK KAFKA_BROKERS ELASTIC_URL
  check 'stop them' stack_stop
}

check_compose() {
  local compose=(docker-compose)
  command -v docker-compose >/dev/null || compose=(docker compose)
  "${compose[@]}" -f docker-compose.yml config --quiet && haproxy -c -f deploy/haproxy.cfg
  # What it sets, with the file of the image, has to be a configuration, each name of it a setting's.
  "${compose[@]}" -f docker-compose.yml config | sed -nE 's/^ +(SEISMO_[A-Z_]+): (.*)/\1=\2/p' | grep -v '^SEISMO_BALANCER_' | sort -u |
    xargs -d '\n' sh -c 'env -i "$@" build/seismo check-config --config deploy/seismo.yaml' sh >var/log/compose-settings 2>&1 || { cat var/log/compose-settings; return 1; }
  ! grep warn var/log/compose-settings || return 1
  # Every role that a service names is one.
  sed -nE 's/.*command: .*"--roles", "([a-z,]+)".*/\1/p' docker-compose.yml | while read -r role; do
    env -i "SEISMO_ROLES=$role" SEISMO_KAFKA_BROKERS=k:9092 SEISMO_ELASTIC_URL=http://e:9200 build/seismo check-config --config deploy/seismo.yaml || return 1
  done
}

check_kubernetes() { npm ci --prefix tests/tools/kubernetes && tests/tools/kubernetes/check.mjs; }

# A figure that misses its goal is told at the end and fails nothing: a machine of CI is noisy.
first_chart() {
  check 'a bare machine until the first live chart' tests/tools/first-chart.mjs
  if grep -q '^said: .*MISSED' "$step_log"; then findings+=("a figure, no test: $(sed -n 's/^said: //p' "$step_log")"); fi
}

all_steps() {
  check 'cppcheck' run_cppcheck
  [ ! -f .clang-tidy ] || check 'clang-tidy' run_tidy
  suite 'unit, thread sanitizer' unit_threads
  suite 'three flows, address and undefined sanitizers' sanitized_flows
  check 'coverage of collector/' coverage
  suite 'fuzz targets' fuzz
  check 'compose file and load balancer' check_compose
  check 'manifests for Kubernetes' check_kubernetes
  first_chart
  check 'the package on a bare machine: install, start, upgrade, remove, purge' tests/tools/package
  check 'the image: built, run without rights, replaced' tests/tools/image
  stack_steps
}

run_tests() {
  all=
  case "${1:-}" in
    '') ;;
    --all) all=yes ;;
    *) echo "run: unknown option $1" >&2; usage >&2; exit 64 ;;
  esac
  trap '[ -z "$step_pid" ] || kill -TERM -- "-$step_pid" 2>/dev/null; exit 130' INT TERM HUP
  install_for_tests
  check 'build the browser parts' build_web
  daily_steps
  [ -z "$all" ] || all_steps
  say_slowest
  say_findings
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ]
}
