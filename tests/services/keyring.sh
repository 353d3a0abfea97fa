#!/bin/sh
# A keyring as desktops have it, for the tests, each of which starts its own: installs what is missing.
#   keyring.sh start   prints nothing but progress
#   keyring.sh stop    does nothing: none is left running
set -eu

state=${REMOTEBATCH_TEST_STATE:-/var/tmp/remotebatch-tests}

install_packages() {
    command -v gnome-keyring-daemon >/dev/null && command -v dbus-run-session >/dev/null && return
    echo "installing gnome-keyring dbus"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gnome-keyring dbus-daemon \
        >"$state/apt.log" 2>&1 || { cat "$state/apt.log"; exit 1; }
}

case $1 in
start)
    mkdir -p "$state"
    install_packages
    ;;
stop) ;;
esac
