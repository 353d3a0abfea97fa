#!/bin/sh
# Azure's other clients, each in a virtual environment of its own, kept from one run to the next:
# azure-batch 14 (the API before this one's types were renamed) and the az command line.
#   azure_clients.sh start   makes what is missing; prints nothing but progress
#   azure_clients.sh stop    does nothing: there is nothing that runs
set -eu

state=${REMOTEBATCH_TEST_STATE:-/var/tmp/remotebatch-tests}
python=${PYTHON:-.venv/bin/python}
locks=$(dirname "$0")/locks

# The lock that an environment was made from is written into it last: a broken or an old one is replaced.
make_environment() { # name
    lock=$locks/$1.lock
    cmp -s "$lock" "$state/$1/wanted" && return
    echo "installing $1"
    rm -rf "${state:?}/$1"
    "$python" -m venv "$state/$1"
    "$state/$1/bin/pip" install --quiet --disable-pip-version-check --requirement "$lock" \
        >"$state/$1.log" 2>&1 || { cat "$state/$1.log"; exit 1; }
    cp "$lock" "$state/$1/wanted"
}

case $1 in
start)
    mkdir -p "$state"
    make_environment azure-batch-14
    make_environment azure-cli
    ;;
stop) ;;
esac
