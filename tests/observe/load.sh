# Shared by `cost` and `warm`: servers that take turns under the same load, and the processor time that
# each spends on a call. Sourced after `tests/lib.sh`, never run.

need_package h2load nghttp2-client
need_package curl curl

folder=$(mktemp -d)
pids=()
stop() {
    kill "${pids[@]}" 2>/dev/null || true
    wait
    rm -rf "$folder"
}
trap stop EXIT

# A message of gRPC: no compression, its length, and tenant, subject, account, action, resource.
python3 - "$folder/check" <<'PY'
import struct, sys
text = lambda at, value: bytes([at << 3 | 2, len(value)]) + value
resource = text(1, b"fax") + text(2, b"in-02593")
message = text(1, b"isar-kliniken") + text(2, text(1, b"user") + text(2, b"anna.keller"))
message += text(3, b"isar-kliniken") + text(4, text(1, b"fax.view")) + text(5, resource)
open(sys.argv[1], "wb").write(b"\0" + struct.pack(">I", len(message)) + message)
PY
# And one that asks for nothing.
printf '\0\0\0\0\0' >"$folder/nothing"

declare -A address figures process spent took

# server NAME PROGRAM VARIABLE=VALUE...: starts a server of the demo world, and waits until it serves.
server() {
    local name=$1 program=$2 log=$folder/$1.log
    env "${@:3}" "$program" serve --demo --listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 \
        --metrics-compare-lists 0 --database-url "sqlite:$folder/$name.db" --log-format json 2>"$log" &
    process[$name]=$!
    pids+=($!)
    until grep -q '"message":"serving"' "$log" 2>/dev/null; do sleep 0.2; done
    figures[$name]=$(sed -n 's/.*"address":"\([^"]*\)".*"message":"metrics can be read".*/\1/p' "$log")
    address[$name]=$(sed -n 's/.*"listen":"\([^"]*\)".*/\1/p' "$log")
    spent[$name]='' took[$name]=''
}

# nanoseconds PID: what all of its threads have run.
nanoseconds() { cat "/proc/$1/task/"*/schedstat | awk '{ sum += $1 } END { print sum }'; }

# load NAME CALLS METHOD MESSAGE
load() {
    h2load -n "$2" -c 4 -m 8 -d "$folder/$4" -H 'content-type: application/grpc' -H 'te: trailers' \
        "http://${address[$1]}/$3" >"$folder/load"
    grep -q "$2 succeeded, 0 failed" "$folder/load" || fail "calls failed"
}

# all_ok NAME: to the loader an error of gRPC is a success.
all_ok() {
    ! curl -fsS "http://${figures[$1]}/metrics" | grep '^rpc_server_call_duration_seconds_count' |
        grep -v 'rpc_response_status_code="OK"' || fail "calls of $1 failed"
}

# median NUMBER...
median() { printf '%s\n' "$@" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# told NAME MEDIAN YARDSTICK: a line of the table.
told() {
    printf '%-9s %6d ns of processor time a call (%+.1f %%)  [%s ]\n' "$1" "$2" \
        "$(awk -v a="$2" -v b="$3" 'BEGIN { print (a / b - 1) * 100 }')" "${spent[$1]}"
    printf '          mean time of a call as the client sees it:%s\n' "${took[$1]}"
}
