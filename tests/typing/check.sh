#!/bin/sh
# What users' editors infer from the library: mypy and pyright agree with the assertions in api.py.
set -eu
cd "$(dirname "$0")/../.."

.venv/bin/mypy --strict --no-incremental --follow-imports silent tests/typing/api.py
# the wrapper installs the pyright of its own version with npm; warnings are about newer ones
PYRIGHT_PYTHON_IGNORE_WARNINGS=1 .venv/bin/pyright --project tests/typing/pyrightconfig.json
