#!/bin/sh
# Writes the locks: the exact version of every package that is installed here, for all supported Pythons at once.
#   lock.sh UV [--upgrade]   UV is the program; versions that still fit are kept, unless --upgrade is given
set -eu

uv=$1
shift
options=$*
locks=tests/services/locks

lock() { # output, inputs and options
    output=$1
    shift
    # shellcheck disable=SC2086
    "$uv" pip compile --quiet --universal --python-version 3.10 --no-emit-index-url --no-emit-find-links \
        --annotation-style line --custom-compile-command 'make lock' $options --output-file "$output" "$@"
}

lock requirements.lock pyproject.toml --all-extras \
    --group examples --group test --group lint --group docs --group bench --group coverage --group packaging
for name in azure-batch-14 azure-cli; do
    lock "$locks/$name.lock" "$locks/$name.in"
done
lock "$locks/image-classification.lock" docs/examples/image_classification_requirements.txt
