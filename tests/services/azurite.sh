#!/bin/sh
# Azurite for the tests, each of which starts its own: installs it, and Node.js, where they are missing.
#   azurite.sh start   prints nothing but progress
#   azurite.sh stop    does nothing: none is left running
#   azurite.sh lock    writes azurite/package-lock.json after a change of azurite/package.json
set -eu

state=${REMOTEBATCH_TEST_STATE:-/var/tmp/remotebatch-tests}
python=${PYTHON:-.venv/bin/python}
here=$(dirname "$0")/azurite
npm_options="--ignore-scripts --no-audit --no-fund --loglevel=error"

install_packages() {
    command -v node >/dev/null && command -v npm >/dev/null && return
    echo "installing nodejs npm"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm \
        >"$state/apt.log" 2>&1 || { cat "$state/apt.log"; exit 1; }
}

# Into the directory where the emulator looks for its Azurite, with all that it needs as locked.
install_azurite() {
    directory=$("$python" -c '
import platformdirs
from azurebatch_emulator.process.azurite import VERSION
print(platformdirs.user_cache_path("remotebatch", appauthor=False) / f"azurite-{VERSION}")')
    [ -e "$directory" ] && return
    echo "installing azurite"
    made=$(mktemp -d "$state/azurite-XXXXXX")
    cp "$here"/*.json "$made"
    # shellcheck disable=SC2086
    npm ci --prefix "$made" $npm_options >"$state/npm.log" 2>&1 || { cat "$state/npm.log"; exit 1; }
    mkdir -p "$(dirname "$directory")"
    mv "$made" "$directory"
}

# The lock names no registry: where packages come from is a matter of each machine.
write_lock() {
    # shellcheck disable=SC2086
    npm install --prefix "$here" --package-lock-only $npm_options
    node -e '
        const fs = require("fs"), path = process.argv[1], lock = JSON.parse(fs.readFileSync(path));
        for (const entry of Object.values(lock.packages)) { delete entry.resolved; delete entry.funding; }
        fs.writeFileSync(path, JSON.stringify(lock, null, 2) + "\n");' "$here/package-lock.json"
}

case $1 in
start)
    mkdir -p "$state"
    install_packages
    install_azurite
    ;;
lock) write_lock ;;
stop) ;;
esac
