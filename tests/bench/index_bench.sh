#!/usr/bin/env bash
# Builds and runs tests/bench/index_bench.c against the rooms of a release build: index_bench.sh [plain|gzip|sink] [SECONDS|PORT]
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${BUILD:-build}
bench=$(mktemp "${TMPDIR:-/tmp}/index_bench.XXXXXX")
trap 'rm -f "$bench"' EXIT
cc -O2 -g -D_GNU_SOURCE -std=gnu11 -Icollector -Itests tests/bench/index_bench.c "$build"/libroom_{store,http,event,base}.a \
  $(pkg-config --libs libcurl sqlite3 jansson libcrypto zlib ${LIBDEFLATE:-}) -lpthread -lm -o "$bench"
"$bench" "$@"
