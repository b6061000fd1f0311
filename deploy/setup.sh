#!/usr/bin/env bash
# Installs what the build and the tests need and the machine lacks. As root it installs Debian's packages by itself;
# otherwise it names them and stops. Python's judges go to a virtual environment outside the checkout.
#   setup.sh build   what `make demo` needs
#   setup.sh test    that, and what the tests need
set -euo pipefail
what=${1:-test}
packages=(build-essential cmake clang libclang-dev pkg-config mosquitto)
[ "$what" = test ] && packages+=(mosquitto-clients mbpoll chromium python3-venv python3-pip)
command -v node >/dev/null || packages+=(nodejs)
command -v npm >/dev/null || packages+=(npm)
missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
    if [ "$(id -u)" != 0 ]; then
        echo "missing Debian packages; as root: apt-get install ${missing[*]}" >&2
        exit 1
    fi
    echo "installing ${missing[*]}" >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # Mosquitto runs as a child of the demo and of the tests, never as a service of the machine.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' > "$policy"
        chmod +x "$policy"
        trap 'rm -f "$policy"' EXIT
    fi
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
command -v cargo >/dev/null || { echo "no Rust toolchain: install rustup, then run this again" >&2; exit 1; }
if [ "$what" = test ]; then
    venv=${HYPOCAUST_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/hypocaust/venv}
    if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -c 'import pymodbus' 2>/dev/null; then
        python3 -m venv "$venv"
        "$venv/bin/pip" install -q 'pymodbus>=3.6,<4'
    fi
fi
