#!/bin/sh
# The container image of docs/examples/image_classification.py, built as its users build it, and kept from one
# run to the next. Its packages are downloaded first: a build need not reach a package index.
#   example_image.sh start   makes it if it is missing; needs docker.sh; prints nothing but progress
#   example_image.sh stop    does nothing: there is nothing that runs
set -eu

state=${REMOTEBATCH_TEST_STATE:-/var/tmp/remotebatch-tests}
python=${PYTHON:-.venv/bin/python}
requirements=docs/examples/image_classification_requirements.txt
lock=$(dirname "$0")/locks/image-classification.lock

# What the image was made of is written down last, so that a broken or an old one is replaced.
make_image() { # version of Python
    image=remotebatch-test/image-classification:$1
    wanted=$(cat "$requirements" "$lock" | cksum)
    context=$state/image-classification-$1
    docker image inspect "$image" >/dev/null 2>&1 && [ "$(cat "$context/wanted" 2>/dev/null)" = "$wanted" ] && return
    echo "making image $image"
    rm -rf "$context"
    mkdir -p "$context"
    cp "$requirements" "$context/packages.txt"
    "$python" -m pip download --quiet --disable-pip-version-check --dest "$context/wheels" \
        --requirement "$requirements" --constraint "$lock" >"$context/log" 2>&1 || { cat "$context/log"; exit 1; }
    printf '%s\n' --no-index '--find-links wheels' '-r packages.txt' >"$context/requirements.txt"
    "$python" -m remotebatch.cli image build --requirements "$context/requirements.txt" --tag "$image" \
        --base "remotebatch-test/python-pip:$1" >"$context/log" 2>&1 || { cat "$context/log"; exit 1; }
    rm -r "$context/wheels"
    echo "$wanted" >"$context/wanted"
}

case $1 in
start)
    mkdir -p "$state"
    make_image "$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
    ;;
stop) ;;
esac
