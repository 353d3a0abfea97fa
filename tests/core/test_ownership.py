"""What is the user's own travels with a function; what is installed does not, wherever it lies.

Each test runs a user's script, which compares a call here with the same call in a task. What travelled is
read from what the provider has stored.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import stop_agent
from tests.support.projects import Project, distribution

WHERE = "def where(): return __name__\n"


@pytest.fixture(scope="module")
def shared_root() -> Iterator[str]:
    directory = tempfile.mkdtemp(prefix="rb")
    yield directory
    stop_agent(directory)
    shutil.rmtree(directory)


@pytest.fixture
def project(tmp_path: Path, shared_root: str) -> Project:
    trees = Path(shared_root, "blobs/remotebatch-objects/code")
    for tree in trees.iterdir() if trees.exists() else ():
        shutil.rmtree(tree)
    return Project(tmp_path / "project", shared_root)


def travelled(project: Project) -> set[str]:
    """Paths, relative to the directories on sys.path, of all files that have travelled."""
    trees = Path(project.root, "blobs/remotebatch-objects/code").glob("*/*")
    files = ((tree, path) for tree in trees for path in tree.rglob("*") if path.is_file())
    return {str(path.relative_to(tree)) for tree, path in files if path.suffix != ".pyc"} - {"main.py"}


def test_a_package_on_the_path_without_a_distribution_is_own(project: Project, tmp_path: Path) -> None:
    project.write({"lib/__init__.py": WHERE, "lib/table.csv": "1"}, tmp_path / "libs")
    project.run("import lib; same(lib.where)", path=[tmp_path / "libs"])
    assert travelled(project) == {"lib/__init__.py", "lib/table.csv"}


def test_the_target_of_pip_is_installed(project: Project, tmp_path: Path) -> None:
    installed = distribution("acme", {"acme/__init__.py": WHERE, "acme_tool.py": WHERE})
    project.write({**installed, "beside.py": WHERE}, tmp_path / "deps")
    project.write(
        {"mine.py": "import acme, acme_tool, beside\ndef f(): return acme.where(), beside.where()\n"}
    )
    project.run("import mine, acme; same(mine.f); same(acme.where)", path=[tmp_path / "deps"])
    assert travelled(project) == {"mine.py", "beside.py"}


PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "acme"
version = "1.0"
[tool.hatch.build]
dev-mode-dirs = ["src"]
"""


def pip_install(*arguments: str, python: str = sys.executable) -> None:
    options = ["--no-deps", "--no-index", "--no-build-isolation", "--quiet"]
    command = [sys.executable, "-m", "pip", "--python", python, "install", *options, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_pip_installs_into_a_target(project: Project, tmp_path: Path) -> None:
    project.write({"acme/__init__.py": WHERE, "pyproject.toml": PYPROJECT}, tmp_path / "source")
    pip_install("--target", str(tmp_path / "deps"), str(tmp_path / "source"))
    project.run("import acme; same(lambda: acme.where())", path=[tmp_path / "deps"])
    assert travelled(project) == set()


def test_an_editable_install_is_own(project: Project, tmp_path: Path) -> None:
    version = "from importlib.metadata import version\n__version__ = version('acme')\n"
    files = {"src/acme/__init__.py": f"from acme.sub import where\n{version}", "src/acme/sub.py": WHERE}
    project.write({**files, "pyproject.toml": PYPROJECT}, tmp_path / "source")
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    python = str(environment / "bin/python")
    ours = [path for path in sys.path if os.path.isdir(path) and not path.startswith(sys.base_prefix)]
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "ours.pth").write_text("\n".join(ours))
    pip_install("--editable", str(tmp_path / "source"), python=python)
    project.run("import acme; same(acme.where); same(lambda: acme.__version__)", python=python)
    found = travelled(project)
    assert {name for name in found if ".dist-info" not in name} == {"acme/__init__.py", "acme/sub.py"}
    assert "acme-1.0.dist-info/METADATA" in found


def test_a_namespace_package_partly_installed(project: Project, tmp_path: Path) -> None:
    project.write(distribution("corp-db", {"corp/db.py": WHERE}), tmp_path / "deps")
    project.write({"corp/mine.py": "from corp import db\ndef f(): return db.where()\n"})
    project.run("from corp import mine; same(mine.f)", path=[tmp_path / "deps"])
    assert travelled(project) == {"corp/mine.py"}


def test_a_package_whose_init_extends_its_path(project: Project, tmp_path: Path) -> None:
    extend = "from pkgutil import extend_path\n__path__ = extend_path(__path__, __name__)\n"
    project.write({"corp/__init__.py": extend, "corp/a.py": WHERE})
    project.write({"corp/__init__.py": extend, "corp/b.py": WHERE}, tmp_path / "other")
    script = "from corp import a, b; same(lambda: (a.where(), b.where()))"
    project.run(script, path=[tmp_path / "other"])
    assert travelled(project) == {"corp/__init__.py", "corp/a.py", "corp/b.py"}
    late = "def f():\n    from corp import a, b\n    return a.where(), b.where()\n"
    project.run(f"{late}assert env.submit(f).result(60) == f()", path=[tmp_path / "other"])


def test_a_package_that_adds_a_folder_beside_it(project: Project) -> None:
    add = "import os\n__path__.append(os.path.join(os.path.dirname(os.path.dirname(__file__)), 'more'))\n"
    project.write({"corp/__init__.py": add, "more/b.py": WHERE, "data.txt": ""})
    project.run("from corp import b; same(b.where)")
    assert travelled(project) == {"corp/__init__.py", "more/b.py"}


def site_directory(project: Project, tmp_path: Path, files: dict[str, str | bytes]) -> Path:
    folder = tmp_path / "site-packages"
    project.write(files, folder)
    return folder


def test_a_module_copied_into_site_packages_is_own(project: Project, tmp_path: Path) -> None:
    files = {**distribution("acme", {"acme/__init__.py": WHERE}), "copied.py": WHERE}
    site = site_directory(project, tmp_path, files)
    project.run("import acme, copied; same(lambda: (acme.where(), copied.where()))", path=[site])
    assert travelled(project) == {"copied.py"}


def test_where_a_distribution_lists_nothing_all_beside_it_is_installed(
    project: Project, tmp_path: Path
) -> None:
    files = {
        **distribution("acme", {"acme/__init__.py": WHERE}),
        "thing.py": WHERE,
        "old-1.egg-info": "Name: old",
    }
    site = site_directory(project, tmp_path, files)
    project.run("import acme, thing; same(lambda: (acme.where(), thing.where()))", path=[site])
    assert travelled(project) == set()


def test_metadata_without_a_list_beside_the_source_is_no_installation(project: Project) -> None:
    project.write(
        {"lib/__init__.py": WHERE, "lib.egg-info/PKG-INFO": "Name: lib", "lib.egg-info/SOURCES.txt": ""}
    )
    project.run("import lib; same(lib.where)")
    assert travelled(project) == {"lib/__init__.py"}


def test_a_zip_archive_on_the_path(project: Project, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
        archive.writestr("lib/__init__.py", "from lib.sub import where\n")
        archive.writestr("lib/sub.py", WHERE)
        archive.writestr("single.py", WHERE)
        archive.writestr("libother/data.txt", "")
        archive.writestr("inner/deep.py", WHERE)
    script = "import lib, single, deep; same(lambda: (lib.where(), single.where(), deep.where()))"
    project.run(script, path=[tmp_path / "app.zip", tmp_path / "app.zip/inner"])
    assert travelled(project) == {"lib/__init__.py", "lib/sub.py", "single.py", "deep.py"}


LOAD = """
import importlib.util
def load(name, file):
    spec = importlib.util.spec_from_file_location(name, file)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
"""


def test_modules_whose_names_are_not_their_files(project: Project) -> None:
    project.write({"plug-ins/first one.py": WHERE, "pkg/__init__.py": "", "extra.py": WHERE})
    script = """
first = load("first", "plug-ins/first one.py")
import pkg
extra = load("pkg.extra", "extra.py")
same(first.where)
same(extra.where)
def by_import():
    import first
    from pkg.extra import where
    return where(), first.where()
same(by_import)
"""
    project.run(LOAD + script)


def test_a_package_under_another_name_than_its_folder(project: Project) -> None:
    project.write({"checkout-2/__init__.py": "from . import sub\n", "checkout-2/sub.py": WHERE})
    script = """
spec = importlib.util.spec_from_file_location(
    "library", "checkout-2/__init__.py", submodule_search_locations=["checkout-2"])
library = sys.modules["library"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(library)
same(library.sub.where)
"""
    project.run(LOAD + script)


def test_a_module_that_shadows_the_standard_library(project: Project) -> None:
    project.write({"statistics.py": "def mean(values): return 'mine'\n"})
    project.run("import statistics; same(statistics.mean, [1, 2]); same(lambda: statistics.mean([1]))")
    assert travelled(project) == {"statistics.py"}


def test_symlinks(project: Project, tmp_path: Path) -> None:
    project.write({"lib/__init__.py": WHERE, "lib/real/mod.py": WHERE}, tmp_path / "elsewhere")
    project.folder.joinpath("lib").symlink_to(tmp_path / "elsewhere/lib")
    lib = tmp_path / "elsewhere/lib"
    lib.joinpath("linked").symlink_to("real")
    lib.joinpath("loop").symlink_to(".")
    lib.joinpath("self").symlink_to("self")
    lib.joinpath("dangling.txt").symlink_to("nothing")
    os.mkfifo(lib / "pipe")
    project.run("import lib.linked.mod, lib.real.mod; same(lib.linked.mod.where); same(lib.where)")
    assert travelled(project) == {"lib/__init__.py", "lib/real/mod.py", "lib/linked/mod.py"}


def test_a_link_to_an_installed_package_is_installed(project: Project, tmp_path: Path) -> None:
    project.write(distribution("acme", {"acme/__init__.py": WHERE}), tmp_path / "deps")
    project.folder.joinpath("acme").symlink_to(tmp_path / "deps/acme")
    project.run("import acme; print(env.submit(acme.where).result(60))", path=[tmp_path / "deps"])
    assert travelled(project) == set()


LISTER = """
import os
def names():
    found = os.listdir(os.fsencode(os.path.dirname(__file__)))
    return sorted(name for name in found if name != b"__pycache__")
"""


def test_odd_names_of_files(project: Project) -> None:
    odd = ["with space\n.txt", "größe.py", "back\\slash", "-", "~", "a" * 200]
    project.write({"lib/__init__.py": LISTER, **{f"lib/{name}": "" for name in odd}})
    Path(os.fsdecode(os.fsencode(project.folder) + b"/lib/\xff\xfe.bin")).write_bytes(b"x")
    project.run("import lib; names = same(lib.names); assert len(names) == 8, names")


def test_a_module_with_a_name_that_is_not_ascii(project: Project) -> None:
    project.write({"größe.py": WHERE, "user.py": "import größe\ndef f(): return größe.where()\n"})
    project.run("import user; same(user.f)")
    assert travelled(project) == {"größe.py", "user.py"}


def test_after_a_change_of_the_directory(project: Project, tmp_path: Path) -> None:
    project.write({"helper.py": WHERE, "sub/other.py": WHERE, "statistics.py": WHERE})
    script = """
import os
sys.path[0] = ''
sys.path.insert(1, "sub")
import helper, other, statistics
os.chdir("/")
same(lambda: (helper.where(), other.where(), statistics.where()))
"""
    project.run(script)
    assert travelled(project) == {"helper.py", "other.py", "statistics.py"}


def test_odd_entries_of_the_path(project: Project, tmp_path: Path) -> None:
    project.write({"helper.py": WHERE})
    script = """
import pathlib
sys.path[1:1] = [pathlib.Path("/tmp"), "/not/there", "relative", "/"]
import helper
same(helper.where)
"""
    project.run(script)


def test_the_path_is_mended_after_a_first_attempt(project: Project, tmp_path: Path) -> None:
    project.write({"helper.py": "import second\n" + WHERE, "second.py": ""}, tmp_path / "libs")
    script = """
def work():
    import helper
    return helper.where()
try:
    env.submit(work).result(60)
except remotebatch.JobFailed as error:
    print(error.failure_type)
except ModuleNotFoundError as error:
    print(error)
sys.path.append(sys.argv[1])
same(work)
"""
    assert "helper" in project.run(script, str(tmp_path / "libs"))


def test_modules_that_pytest_imports(project: Project, tmp_path: Path) -> None:
    project.write(
        {
            "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '--import-mode=importlib'\n",
            "checks/odd.name/notes.txt": "",
            "checks/odd.name/test_it.py": PYTEST_MODULE.replace("{root}", project.root),
            "checks/unit/test_it.py": PYTEST_MODULE.replace("{root}", project.root),
        }
    )
    project.write(distribution("sloppy", {"checks/__init__.py": ""}), tmp_path / "deps")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "checks"],
        cwd=project.folder,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "deps")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


PYTEST_MODULE = """
import remotebatch
LIMIT = 3
def f(): return __name__, LIMIT
def test_it():
    env = remotebatch.SubmissionEnvironment("Local", root="{root}", slots=2)
    assert env.submit(f).result(60) == f()
    assert env.submit(lambda: f()).result(60) == f()
"""


@pytest.mark.parametrize("name", ["remotebatch_tools", "cloud"])
def test_names_like_ours_are_own(project: Project, name: str) -> None:
    project.write({f"{name}.py": WHERE})
    project.run(f"import {name}; same({name}.where)")
    assert travelled(project) == {f"{name}.py"}


def test_what_is_loaded_and_not_used_stays_here(project: Project) -> None:
    project.write({"used.py": "import sys, gc\n" + WHERE, "unused.py": "x = 1\n", "local.py": WHERE})
    project.run("import used, unused, local; same(used.where)")
    assert travelled(project) == {"used.py"}
