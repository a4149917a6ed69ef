# What the scripts of this folder share. Sourced, not run.
#
# A part (kafka, es, seismo-1, ...) lives in a directory of the caller's choice: NAME.pid and NAME.log beside its data. It listens on
# 127.0.0.1 only, is started in a session of its own, and is stopped by the process id in its file and by nothing else.
set -euo pipefail

stack_home=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
project_home=$(cd "$stack_home/../.." && pwd)
stack_cache=${SEISMO_STACK_CACHE:-/var/tmp/seismo-stack} # downloads, kept from run to run; readable by everyone
stack_user=${SEISMO_STACK_USER:-nobody}                  # who runs Elasticsearch when we are root: it refuses root

die() { echo "${0##*/}: $*" >&2; exit 1; }
need() { for tool; do command -v "$tool" >/dev/null || die "$tool is missing; ./run test --all installs it"; done; }

alive() { [ -n "${1:-}" ] && kill -0 "$1" 2>/dev/null; }
port_answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_ports N: prints N different ports on which nobody listens. They lie below the range from which the kernel lends ports to outgoing
# connections, so that nobody gets one by chance before the part binds it.
free_ports() {
  local port=$((20000 + RANDOM % 11000)) found=()
  while [ ${#found[@]} -lt "$1" ]; do
    port=$((port + 1))
    [ "$port" -lt 32000 ] || die "no free port left below 32000"
    port_answers "$port" || found+=("$port")
  done
  echo "${found[@]}"
}

# port_or_free PORT: the port asked for, once it is known to be free; a free one for 0 or nothing.
port_or_free() {
  if [ "${1:-0}" = 0 ]; then free_ports 1; return; fi
  port_answers "$1" && die "port $1 is taken"
  echo "$1"
}

# Makes DIR and prints its full name.
part_dir() { mkdir -p "$1" && cd "$1" && pwd; }

# start_part DIR NAME COMMAND...: in the background, away from our terminal and its signals.
start_part() {
  local dir=$1 name=$2; shift 2
  if [ -f "$dir/$name.pid" ] && alive "$(<"$dir/$name.pid")"; then die "$name already runs in $dir"; fi
  setsid "$@" >"$dir/$name.log" 2>&1 </dev/null &
  echo $! >"$dir/$name.pid"
}

# wait_part DIR NAME SECONDS COMMAND...: until COMMAND says that the part is ready; shows the end of its log when it is not.
wait_part() {
  local dir=$1 name=$2 seconds=$3; shift 3
  local pid end=$((SECONDS + seconds))
  pid=$(<"$dir/$name.pid")
  until "$@" >/dev/null 2>&1; do
    if ! alive "$pid" || ((SECONDS >= end)); then
      tail -n 30 "$dir/$name.log" >&2
      die "$name is not ready: $(alive "$pid" && echo "$seconds s have passed" || echo "it has ended"); see $dir/$name.log"
    fi
    sleep 0.2
  done
}

# A pid may have been given to a stranger since: ours has the directory in its command line.
part_is_ours() { tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null | grep -qF -- "$2"; }

# stop_part DIR NAME: SIGTERM, thirty seconds, then SIGKILL to its whole session.
stop_part() {
  local dir=$1 name=$2 pid end=$((SECONDS + 30))
  pid=$(<"$dir/$name.pid")
  if alive "$pid" && part_is_ours "$pid" "$dir"; then
    kill "$pid" 2>/dev/null || true
    while alive "$pid" && ((SECONDS < end)); do sleep 0.1; done
    if alive "$pid"; then kill -KILL -- "-$pid" 2>/dev/null || true; echo "killed $name ($pid)"; else echo "stopped $name ($pid)"; fi
  fi
  rm -f "$dir/$name.pid"
}

# with_cache_lock COMMAND...: one download at a time, however many tests start at once.
with_cache_lock() {
  mkdir -p "$stack_cache"
  (flock 9 && "$@") 9>"$stack_cache/.lock"
}

# maven ARGUMENTS...: quiet, with a repository inside the cache, from an empty directory since some goals leave files in it.
maven() {
  need mvn
  local scratch; scratch=$(mktemp -d)
  (cd "$scratch" && mvn -q -B -Dstyle.color=never -Dmaven.repo.local="$stack_cache/maven" "$@") >&2 || { rm -rf "$scratch"; die "maven: $1 failed"; }
  rm -rf "$scratch"
}
maven_copy=org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies
maven_unpack=org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack
