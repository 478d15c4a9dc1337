# Shared by `.ci/run` and `tests/run`: how to say what is done, and how to get what is missing.
# Sourced, never run.

# Absolute: clients run in folders of their own.
target=${CARGO_TARGET_DIR:-target}
case $target in /*) ;; *) target=$PWD/$target ;; esac
times=()

say() { printf '\n== %s\n' "$*" >&2; }

fail() {
    printf '\nerror: %s\n' "$*" >&2
    exit 1
}

# phase NAME COMMAND...: runs it, keeps its time, stops everything if it fails.
phase() {
    local name=$1 start=$SECONDS
    shift
    say "$name"
    "$@" || fail "$name failed: $*"
    times+=("$(printf '%5ds  %s' $((SECONDS - start)) "$name")")
}

summary() {
    say "all passed"
    printf '%s\n' "${times[@]}" >&2
}

# need_package COMMAND PACKAGE...: makes sure of a command, from the system's packages where we may.
need_package() {
    local command=$1
    shift
    command -v "$command" >/dev/null && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing $*"
        apt-get update -qq >&2 && apt-get install -qq -y --no-install-recommends "$@" >&2 && return
    fi
    fail "\`$command\` is missing; install $*"
}

# without_services SERVICE COMMAND...: what the command installs is not started, now or at boot.
without_services() {
    local service=$1 policy=/usr/sbin/policy-rc.d ours='' known=''
    shift
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        [ -e "/etc/init.d/$service" ] && known=yes
        if [ ! -e "$policy" ]; then
            ours=yes
            printf '#!/bin/sh\nexit 101\n' >"$policy"
            chmod +x "$policy"
        fi
    fi
    local result=0
    ("$@") || result=$?
    [ -z "$ours" ] || rm -f "$policy"
    if [ -z "$known" ] && [ -d /run/systemd/system ] && [ -e "/etc/init.d/$service" ]; then
        systemctl disable --now "$service" >&2 || true
    fi
    [ "$result" = 0 ] || exit "$result"
}

need_compiler() {
    command -v cargo >/dev/null || fail "Rust is missing; see https://www.rust-lang.org/tools/install"
    need_package cc gcc libc6-dev
}

# need_component NAME: a component of the pinned toolchain.
need_component() {
    local tool=$1
    [ "$tool" = clippy ] && tool=clippy-driver
    command -v "$tool" >/dev/null && "$tool" --version >/dev/null 2>&1 && return
    command -v rustup >/dev/null || fail "\`$1\` is missing from the toolchain"
    rustup component add "$1" >&2
}

# Python packages go into a folder of their own below the target folder: that needs no virtual
# environment and leaves a Python that belongs to the system alone.
pip_into() {
    local folder=$1
    shift
    need_package python3 python3
    python3 -m pip --version >/dev/null 2>&1 || need_pip
    local wanted="$folder/.installed"
    [ "$(cat "$wanted" 2>/dev/null)" = "$*" ] && return
    say "installing $* for Python"
    rm -rf "$folder"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
        --target "$folder" "$@" >&2 || return
    printf '%s' "$*" >"$wanted"
}

# npm_into FOLDER PACKAGE@VERSION...: the same for Node.js.
npm_into() {
    local folder=$1
    shift
    need_package node nodejs
    need_package npm npm
    local wanted="$folder/.installed"
    [ "$(cat "$wanted" 2>/dev/null)" = "$*" ] && return
    say "installing $* for Node.js"
    rm -rf "$folder"
    npm install --silent --no-audit --no-fund --no-save --prefix "$folder" "$@" >&2 || return
    printf '%s' "$*" >"$wanted"
}

need_pip() {
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing python3-pip"
        apt-get update -qq >&2 && apt-get install -qq -y --no-install-recommends python3-pip >&2 && return
    fi
    fail "pip is missing; install python3-pip"
}

# python_tool COMMAND PACKAGE: prints where the command of a Python package is.
python_tool() {
    local folder="$target/tools/$1"
    pip_into "$folder" "$2" || fail "\`$2\` cannot be installed"
    printf '%s\n' "$folder/bin/$1"
}

# listening LOG PROCESS: prints where a server listens, as soon as the line of its log that says so is
# there. The log must be JSON, and be there before the server is.
listening() {
    local log=$1 process=$2 address
    for _ in $(seq 600); do
        address=$(sed -n 's/.*"listen":"\([^"]*\)".*/\1/p' "$log" | head -n 1)
        [ -z "$address" ] || { printf '%s\n' "$address"; return; }
        kill -0 "$process" 2>/dev/null || fail "the server has ended: $(cat "$log")"
        sleep 0.1
    done
    fail "the server does not say where it listens: $(cat "$log")"
}

# changed FILE CHANGE: a copy of the program in `$target/changed`, with one file changed by `sed`.
changed() {
    local copy="$target/changed" file=$1
    mkdir -p "$copy"
    rm -rf "$copy/crates" "$copy/src"
    cp -rp Cargo.toml Cargo.lock build.rs proto src crates deploy rustfmt.toml tests "$copy/"
    sed -i "$2" "$copy/$file"
    ! cmp -s "$copy/$file" "$file" || fail "what was to be changed in $1 was not found"
}
