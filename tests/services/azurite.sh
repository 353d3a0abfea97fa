#!/bin/sh
# Azurite for the tests, each of which starts its own: installs it, and Node.js, where they are missing.
#   azurite.sh start   prints nothing but progress
#   azurite.sh stop    does nothing: none is left running
set -eu

state=${REMOTEBATCH_TEST_STATE:-/var/tmp/remotebatch-tests}
python=${PYTHON:-.venv/bin/python}

install_packages() {
    command -v node >/dev/null && command -v npm >/dev/null && return
    echo "installing nodejs npm"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm \
        >"$state/apt.log" 2>&1 || { cat "$state/apt.log"; exit 1; }
}

case $1 in
start)
    mkdir -p "$state"
    install_packages
    "$python" -c "from azurebatch_emulator.process.azurite import azurite_program; azurite_program()"
    ;;
stop) ;;
esac
