#!/usr/bin/env bash
# Clients that are not ours, against the real program: Python with stubs made of `proto/`, and
# Python with nothing but server reflection.
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

if [ -z "${LINEGUARD:-}" ]; then
    cargo build --locked --bin lineguard
    LINEGUARD="$target/debug/lineguard"
fi

folder=$(mktemp -d)
server=
stop() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$folder"
}
trap stop EXIT

log="$folder/log"
: >"$log"
"$LINEGUARD" serve --listen 127.0.0.1:0 --database-url "sqlite:$folder/lineguard.db" \
    --log-format json 2>"$log" &
server=$!
address=$(listening "$log" "$server")

cd tests/clients/python
for client in world check reflection; do
    say "$client.py $address"
    timeout 60 python3 "$client.py" "$address" || fail "$client.py failed"
done

kill -TERM "$server"
code=0
wait "$server" || code=$?
server=
[ "$code" = 0 ] || fail "the server ended with $code: $(cat "$log")"
say "clients passed"
