#!/bin/sh
# Azure's other clients, each in a virtual environment of its own, kept from one run to the next:
# azure-batch 14 (the API before this one's types were renamed) and the az command line.
#   azure_clients.sh start   makes what is missing; prints nothing but progress
#   azure_clients.sh stop    does nothing: there is nothing that runs
set -eu

state=${REMOTEBATCH_TEST_STATE:-/var/tmp/remotebatch-tests}
python=${PYTHON:-.venv/bin/python}

# What an environment was made with is written into it last, so that a broken or an old one is made anew.
make_environment() { # name, packages
    name=$1
    shift
    wanted=$(echo "$*" | tr ' ' '\n')
    [ "$(cat "$state/$name/wanted" 2>/dev/null)" = "$wanted" ] && return
    echo "installing $*"
    rm -rf "${state:?}/$name"
    "$python" -m venv "$state/$name"
    "$state/$name/bin/pip" install --quiet --disable-pip-version-check "$@" >"$state/$name.log" 2>&1 ||
        { cat "$state/$name.log"; exit 1; }
    echo "$wanted" >"$state/$name/wanted"
}

case $1 in
start)
    mkdir -p "$state"
    make_environment azure-batch-14 azure-batch==14.2.0 azure-storage-blob
    make_environment azure-cli azure-cli==2.91.0
    ;;
stop) ;;
esac
