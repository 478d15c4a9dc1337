#!/usr/bin/env bash
# Clients that are not ours, against the real program: Python with stubs made of `proto/`, Python
# with nothing but server reflection, and Node.js. Over TCP, and over the Unix sockets of a server
# and of its sidecar.
#
#   ./tests/clients/run.sh             builds the server
#   LINEGUARD=FILE ./tests/clients/run.sh   uses this one
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/lib.sh
source tests/lib.sh

packages="$target/tools/grpc-python"
pip_into "$packages" grpcio==1.76.0 grpcio-tools==1.76.0 grpcio-reflection==1.76.0 ||
    fail "the Python clients need grpcio, which cannot be installed here"
stubs="$target/tools/stubs"
mkdir -p "$stubs"
export PYTHONPATH="$packages:$stubs" PYTHONDONTWRITEBYTECODE=1
python3 -m grpc_tools.protoc --proto_path=proto \
    --python_out="$stubs" --grpc_python_out="$stubs" proto/lineguard/v1/*.proto

export NODE_PACKAGES="$target/tools/grpc-node"
npm_into "$NODE_PACKAGES" @grpc/grpc-js@1.14.7 @grpc/proto-loader@0.8.1 ||
    fail "the Node.js client needs grpc-js, which cannot be installed here"

if [ -z "${LINEGUARD:-}" ]; then
    cargo build --locked --bin lineguard
    LINEGUARD="$target/debug/lineguard"
fi

folder=$(mktemp -d)
started=()
stop() {
    [ ${#started[@]} = 0 ] || kill "${started[@]}" 2>/dev/null || true
    rm -rf "$folder"
}
trap stop EXIT

# start NAME ARGUMENT...: runs the program; its log is $folder/NAME.log, where it listens $address.
start() {
    local name=$1 log="$folder/$1.log"
    shift
    : >"$log"
    "$LINEGUARD" "$@" --log-format json 2>"$log" &
    started+=("$!")
    address=$(listening "$log" "$!")
}

# stopped NAME PROCESS: the program ends in order when it is told to.
stopped() {
    local code=0
    kill -TERM "$2"
    wait "$2" || code=$?
    [ "$code" = 0 ] || fail "the $1 ended with $code: $(cat "$folder/$1.log")"
}

server="unix:$folder/server.sock" sidecar="unix:$folder/sidecar.sock"
start server serve --listen "127.0.0.1:0,$server" --database-url "sqlite:$folder/lineguard.db"
tcp=${address%%,*}
start sidecar sidecar --listen "$sidecar" --upstream-url "http://$tcp"

python=(env -C tests/clients/python timeout 60 python3)
for client in world check reflection; do
    say "$client.py $tcp"
    "${python[@]}" "$client.py" "$tcp" || fail "$client.py failed"
done
for socket in "$server" "$sidecar"; do
    say "check.py and check.mjs ${socket##*/}"
    "${python[@]}" check.py "$socket" >"$folder/answers" ||
        fail "check.py failed: $(cat "$folder/answers")"
    timeout 60 node tests/clients/node/check.mjs proto "$socket" || fail "check.mjs failed"
done

say "a client that names the path as its authority"
"${python[@]}" malformed.py "$server" || fail "malformed.py failed"
grep -q "grpc.default_authority" "$folder/server.log" ||
    fail "the server does not say what helps: $(cat "$folder/server.log")"

stopped sidecar "${started[1]}"
stopped server "${started[0]}"
started=()
say "clients passed"
