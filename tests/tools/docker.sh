# A Docker of the test's own, with images made here: no image registry is asked. Sourced by image and compose.
#
#   start_docker            dockerd without a bridge or a firewall rule: what is built and run has this machine's network
#   start_docker apart      the same images and volumes in a network namespace of its own, with bridges: containers that find each other by name
#   in_docker COMMAND...    runs COMMAND where what the containers publish is reached
#   stop_docker             nothing of it is left, unless SEISMO_DOCKER names a folder to keep the images in
#   make_base NAME...       the image of a bare Debian 12, by debootstrap
set -euo pipefail

die() { echo "${0##*/}: $*" >&2; exit 1; }
[ "$(id -u)" = 0 ] || die "needs root, for dockerd; NOT run"
command -v dockerd >/dev/null || die "dockerd is missing (Debian: docker.io); NOT run"

work=${SEISMO_DOCKER:-$(mktemp -d "/tmp/seismo-${0##*/}.XXXXXX")}
mkdir -p "$work"
export DOCKER_HOST=unix://$work/docker.sock
docker=/usr/bin/docker # the one that comes with dockerd
network=(env)          # or what enters the namespace

end_dockerd() {
  local pid
  pid=$(cat "$work/docker.pid" 2>/dev/null) || return 0
  kill "$pid" 2>/dev/null || return 0
  for _ in $(seq 300); do [ -e "/proc/$pid" ] && sleep 0.1 || break; done
}

stop_docker() {
  end_dockerd
  [ -n "${SEISMO_DOCKER:-}" ] || rm -rf --one-file-system "$work"
}
trap stop_docker EXIT

start_docker() {
  local apart=${1:-} options=(--data-root "$work/data" --exec-root "$work/exec" -H "$DOCKER_HOST" --pidfile "$work/docker.pid")
  end_dockerd
  if [ -n "$apart" ]; then
    unshare --mount --net sh -c 'ip link set lo up && exec dockerd "$@"' sh "${options[@]}" >"$work/dockerd.log" 2>&1 &
  else
    unshare --mount dockerd "${options[@]}" --bridge none --iptables=false --ip-forward=false >"$work/dockerd.log" 2>&1 &
  fi
  for _ in $(seq 300); do
    ! $docker info >/dev/null 2>&1 || break
    sleep 0.1
  done
  $docker info >/dev/null 2>&1 || { tail -n 20 "$work/dockerd.log" >&2; die "dockerd does not start"; }
  [ -z "$apart" ] || network=(nsenter --target "$(cat "$work/docker.pid")" --net)
}

in_docker() { "${network[@]}" "$@"; }

# Variables by which registries are reached from here.
settings_of_registries() { compgen -e | grep -iE '^(.*_proxy|npm_config_.*|node_extra_ca_certs|ssl_cert_(file|dir))$' || true; }

has_image() { $docker image inspect "$1" >/dev/null 2>&1; }

make_base() {
  local name changes=()
  ! has_image "$1" || return 0
  while read -r name; do changes+=(--change "ENV $name=${!name}"); done < <(settings_of_registries)
  tests/tools/bare-machine --prepare
  tar -C var/bare/bookworm --exclude=./dev/* --exclude=./proc/* --exclude=./sys/* -c . | $docker import "${changes[@]}" - "$1" >/dev/null
  for name in "${@:2}"; do $docker tag "$1" "$name"; done
}

# build_image TARGET NAME [OPTION...]: out of deploy/Dockerfile.
build_image() {
  $docker build --network host -f deploy/Dockerfile --target "$1" -t "$2" "${@:3}" . >"$work/build.log" 2>&1 || {
    tail -n 40 "$work/build.log" >&2
    die "the image $2 was not built"
  }
}
