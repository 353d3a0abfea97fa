#!/bin/sh
# Measures what the tests cover, in all the processes that they start, and prints it by package.
#   coverage.sh PYTHON TESTS...   PYTHON is that of an environment for this alone: each Python in it measures itself
set -eu

python=$1
shift
data=$PWD/.coverage.d
settings=$data/settings.ini
rm -rf "$data"
mkdir "$data"

cat >"$settings" <<END
[run]
data_file = $data/data
parallel = true
branch = true
source_pkgs =
    azurebatch_emulator
    remotebatch
    remotebatch_azurebatch
    remotebatch_execution
    remotebatch_images
    remotebatch_kernel
    remotebatch_local
patch =
    fork
    _exit
disable_warnings =
    module-not-imported
    no-data-collected
[paths]
core =
    remotebatch
    */site-packages/remotebatch
kernel =
    container/remotebatch_kernel
    */remotebatch_kernel
[report]
skip_covered = true
exclude_also =
    if TYPE_CHECKING:
    @overload
    @abstractmethod
END

# The agent passes no foreign variables on, so it is this file that has each Python of the environment measured.
site=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
rm -f "$site/a1_coverage.pth" # starts by a variable, which programs under test would see
cp tests/project/measured.py "$site/remotebatch_measured.py"
echo "import remotebatch_measured; remotebatch_measured.start('$settings')" >"$site/remotebatch_measured.pth"

# A task that is killed, and one whose storage is full, leave no data.
status=0
"$python" -m pytest --numprocesses 3 --dist loadfile "$@" || status=$?
rm "$site/remotebatch_measured.pth"
"$python" -m coverage combine --quiet --rcfile "$settings"
"$python" -m coverage report --rcfile "$settings"
"$python" -m coverage json --quiet --rcfile "$settings" -o "$data/report.json"
"$python" tests/project/coverage_by_package.py "$data/report.json"
exit $status
