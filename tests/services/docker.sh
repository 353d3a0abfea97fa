#!/bin/sh
# A real Docker Engine with the images that the tests use, and the program of a container registry: installs
# and starts what is missing.
#   docker.sh start   prints nothing but progress; records the engine's pid if it was started here
#   docker.sh stop    stops the engine, if it was started here
set -eu

state=${REMOTEBATCH_TEST_STATE:-/var/tmp/remotebatch-tests}
pid_file=$state/dockerd.pid

install_packages() {
    missing=
    command -v dockerd >/dev/null || missing="docker.io iptables"
    command -v mmdebstrap >/dev/null || missing="$missing mmdebstrap"
    command -v docker-registry >/dev/null || missing="$missing docker-registry" # each test starts its own
    [ -z "$missing" ] && return
    echo "installing $missing"
    apt-get update -qq
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >"$state/apt.log" 2>&1 ||
        { cat "$state/apt.log"; exit 1; }
}

start_engine() {
    docker info >/dev/null 2>&1 && return
    echo "starting dockerd"
    setsid dockerd >"$state/dockerd.log" 2>&1 </dev/null &
    echo $! >"$pid_file"
    for _ in $(seq 100); do
        docker info >/dev/null 2>&1 && return
        sleep 0.2
    done
    echo "dockerd did not start:"
    tail -20 "$state/dockerd.log"
    exit 1
}

# No registry is needed: an image is a Debian release with its own Python and little else.
make_image() { # release, image, further packages
    docker image inspect "$2" >/dev/null 2>&1 && return
    echo "making image $2"
    packages=python3-minimal,libpython3-stdlib,ca-certificates${3:+,$3}
    mmdebstrap --quiet --variant=minbase --include="$packages" "$1" "$state/$1.tar"
    docker import --change 'CMD ["python3"]' "$state/$1.tar" "$2" >/dev/null
    rm "$state/$1.tar"
}

case $1 in
start)
    mkdir -p "$state"
    install_packages
    start_engine
    make_image bookworm remotebatch-test/python:3.11
    make_image trixie remotebatch-test/python:3.13
    make_image bookworm remotebatch-test/python-pip:3.11 python3-pip
    make_image trixie remotebatch-test/python-pip:3.13 python3-pip
    ;;
stop)
    if [ -f "$pid_file" ]; then
        kill "$(cat "$pid_file")" 2>/dev/null || true
        rm "$pid_file"
    fi
    ;;
esac
