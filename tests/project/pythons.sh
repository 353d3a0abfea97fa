#!/bin/sh
# Tests the core and the Local provider, in processes, on every supported Python that this machine has, and the
# kernel on Python 3.9. Interpreters are looked for on the PATH and among pyenv's. A version that is not there is
# taken from a newer Debian, in a container, where Docker and mmdebstrap are.
#   pythons.sh UV PYTHON [VERSION...]   UV is the program, PYTHON one with the test requirements
# shellcheck disable=SC2329 # functions are called through attempt
set -eu

uv=$1
python=$2
shift 2
supported="3.10 3.11 3.12 3.13 3.14"
debian=forky # the release whose Python is the newest of them
debian_python=3.14
state=${REMOTEBATCH_TEST_STATE:-/var/tmp/remotebatch-tests}
requirements=".[azure,docker,emulator,notebook]"
outcome=0
report=

interpreter() { # version; prints a path
    for candidate in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python; do
        if "$candidate" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    return 1
}

note() { # version, what is to be said of it
    report="$report
Python $1: $2"
}

attempt() { # version, what its success means, command
    version=$1
    words=$2
    shift 2
    if "$@"; then
        note "$version" "$words"
    else
        note "$version" FAILED
        outcome=1
    fi
}

run_tests() { # python and its options
    "$@" -m pytest --quiet --numprocesses 3 --dist loadfile -p no:cacheprovider \
        -m "not docker and not azurite and not keyring" tests/core tests/kernel tests/local
}

test_here() { # version, interpreter
    environment=.venv-$1
    "$uv" venv --quiet --clear --python "$2" "$environment"
    "$uv" pip install --quiet --python "$environment/bin/python" --constraint requirements.lock \
        --build-constraint requirements.lock --editable "$requirements" --group local-test
    run_tests "$environment/bin/python"
}

# The packages are fetched from outside: the container need not reach an index.
test_in_container() { # version
    image=remotebatch-test/python:$1
    mkdir -p "$state"
    if ! docker image inspect "$image" >/dev/null 2>&1; then
        # A mirror may hold an older state of a release in the making than apt takes for recent.
        mmdebstrap --quiet --variant=minbase --include=python3-minimal,libpython3-stdlib,ca-certificates,git \
            --aptopt='Acquire::Check-Valid-Until "false"' "$debian" "$state/$debian.tar"
        docker import --change 'CMD ["python3"]' "$state/$debian.tar" "$image" >/dev/null
        rm "$state/$debian.tar"
    fi
    site=$state/site-$1
    rm -rf "$site"
    "$uv" pip install --quiet --target "$site" --python-version "$1" --python-platform linux \
        --constraint requirements.lock "$requirements" --group local-test
    run_tests docker run --rm --init --volume "$PWD:/src:ro" --volume "$site:/site:ro" --workdir /src \
        --env PYTHONPATH=/site --env PYTHONDONTWRITEBYTECODE=1 --env HYPOTHESIS_STORAGE_DIRECTORY=/tmp/hypothesis \
        "$image" python3
}

has_docker() {
    docker info >/dev/null 2>&1 && command -v mmdebstrap >/dev/null
}

# shellcheck disable=SC2048
for version in ${*:-$supported 3.9}; do
    if ! found=$(interpreter "$version"); then
        if [ "$version" = "$debian_python" ] && has_docker; then
            attempt "$version" "passed, in a container of Debian $debian" test_in_container "$version"
        else
            note "$version" "not to be had here"
        fi
    elif [ "$version" = 3.9 ]; then
        attempt "$version" "the kernel passed" "$python" tests/project/kernel_on.py "$found"
    else
        attempt "$version" passed test_here "$version" "$found"
    fi
done
echo "$report"
exit $outcome
