#!/bin/sh
# Tests the core and the Local provider with the packages of one environment; in containers too, where Docker runs.
#   local_part.sh PYTHON [options of pytest]
set -eu

python=$1
shift
marks="not azurite and not keyring"
docker info >/dev/null 2>&1 || {
    echo "Docker does not run: what needs containers is left out (tests/services/docker.sh start)"
    marks="$marks and not docker"
}
exec "$python" -m pytest --numprocesses 3 --dist loadfile -m "$marks" \
    tests/core tests/kernel tests/cli tests/local tests/contexts tests/zoo "$@"
