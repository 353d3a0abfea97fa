"""``include`` and ``exclude`` say what travels; what is secret or useless stays; sizes are bounded."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remotebatch import CannotSend, InvalidSetting, SubmissionEnvironment
from remotebatch.packing import archives
from remotebatch.packing.archives import Archive
from remotebatch.packing.code import CodePackage, collect
from tests.support.projects import Project, distribution, forget_modules


@pytest.fixture
def project(tmp_path: Path, root: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project whose folder is on sys.path here too."""
    made = Project(tmp_path / "project", root)
    monkeypatch.syspath_prepend(str(made.folder))
    monkeypatch.chdir(made.folder)
    yield made
    forget_modules(made.folder)


def packed(*names: str, include: Any = (), exclude: Any = ()) -> set[str]:
    """Paths of what travels."""
    code = collect(names, None, include, exclude)
    return set() if code is None else files_of(code)


def files_of(code: CodePackage) -> set[str]:
    import io
    import zipfile

    def names(archive: Archive) -> list[str]:
        return zipfile.ZipFile(io.BytesIO(archive.data)).namelist()

    return {name for archive in code.archives.values() for name in names(archive)}


WITH_DATA = """
import importlib
from pathlib import Path
HERE = Path(__file__).parent
def f():
    plugin = importlib.import_module(".".join(["plugins", "deep", "one"]))
    table = open(HERE / "tables" / "a.csv").read()
    return plugin.VALUE, (HERE / "data.csv").read_text(), table
"""
INCLUDED: dict[str, str | bytes] = {
    "plugins/__init__.py": "NAME = 'plugins'\n",
    "plugins/deep/one.py": "import side\nVALUE = side.VALUE\n",
    "side.py": "VALUE = 5\n",
    "data.csv": "1,2",
    "tables/a.csv": "3",
    "tables/.env": "SECRET=1",
    "use.py": WITH_DATA,
}


def test_what_is_included_is_found_in_the_task(project: Project) -> None:
    project.write(INCLUDED)
    project.run("""
from pathlib import Path
import use
same(use.f, include=["plugins", "data.csv", Path("tables")])
job = env.options(include=["plugins", Path("data.csv"), "./tables"]).submit(use.f)
assert job.result(60) == use.f()
assert job.settings["include"] == ["plugins", "data.csv", "./tables"], job.settings["include"]
assert env.job(job.id).settings["include"] == ["plugins", "data.csv", "./tables"]
""")


def test_what_is_included_is_found_in_a_container(project: Project, matching_image: str) -> None:
    project.write({**INCLUDED, "plug-ins/odd one.py": "def where(): return __name__\n"})
    project.run(f"""
import importlib.util
import use
spec = importlib.util.spec_from_file_location("odd", "plug-ins/odd one.py")
odd = sys.modules["odd"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(odd)
same(use.f, include=["plugins", "data.csv", "tables"], container_image={matching_image!r})
same(odd.where, container_image={matching_image!r})
""")


def test_an_installed_package_can_be_included(project: Project, tmp_path: Path) -> None:
    project.write(distribution("acme", {"acme/__init__.py": "import acme_core\n"}), tmp_path / "deps")
    project.write(distribution("acme-core", {"acme_core.py": ""}), tmp_path / "deps")
    project.write({"mine.py": "import acme\n"})
    script = """
from remotebatch.packing.code import collect
assert [location.name for location in collect(["mine"], None).found] == ["mine"]
found = collect(["mine"], None, include=["acme"]).found
assert sorted(location.name for location in found) == ["acme", "mine"], found
"""
    project.run(script, path=[tmp_path / "deps"])


@pytest.mark.parametrize(
    ("include", "words"),
    [
        (["nowhere"], "'nowhere' is neither a module that can be imported here nor a file"),
        (["no/where.txt"], r"'no/where\.txt' is not a file or folder that is there"),
        (["json"], "'json' is part of Python"),
        (["remotebatch"], "'remotebatch' is part of remotebatch"),
        (["../outside.txt"], "lies neither in a directory on sys.path nor beside the script"),
    ],
)
def test_what_cannot_be_included(
    env: SubmissionEnvironment, project: Project, root: str, include: list[str], words: str
) -> None:
    (project.folder.parent / "outside.txt").write_text("")
    with pytest.raises(InvalidSetting, match=words):
        env.options(include=include).submit(abs, 1)
    assert not Path(root, "blobs").exists()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"include": "helpers"}, "expected a list, each item a module's name or a path"),
        ({"include": [pytest]}, "give the module's name, 'pytest'"),
        ({"include": [5]}, "5 is neither a module's name nor a path"),
        ({"include": [""]}, "'' names nothing"),
        ({"include": ["a\0b"]}, "null character"),
        ({"exclude": ["./"]}, "'./' names nothing"),
        ({"exclude": [""]}, "expected a list, each item a non-empty string"),
        ({"include": ["json"], "include_definitions": False}, "include_definitions=False sends no code"),
    ],
)
def test_settings_that_make_no_sense(env: SubmissionEnvironment, settings: Any, words: str) -> None:
    with pytest.raises(InvalidSetting, match=words):
        env.options(**settings)


SECRETS = (
    ".env",
    ".env.local",
    "server.pem",
    "tls.key",
    "id_rsa",
    "credentials.json",
    ".netrc",
    ".aws/config",
)
USELESS = (
    "__pycache__/mod.cpython-311.pyc",
    ".git/config",
    "venv/pyvenv.cfg",
    "venv/lib/thing.py",
    "conda/conda-meta/history",
    "conda/lib/thing.py",
    ".ipynb_checkpoints/a-checkpoint.ipynb",
    ".mypy_cache/x.json",
    "node_modules/left-pad/index.js",
    "mod.pyc",
)


def test_what_never_travels(project: Project) -> None:
    wanted = {
        "pkg/__init__.py": "",
        "pkg/mod.py": "",
        "pkg/credentials.py": "",
        "pkg/credentials/__init__.py": "",
        "pkg/id_rsa_tools.py": "",
        "pkg/secrets.py": "",
        "pkg/keys.json": "",
        "pkg/sourceless.pyc": "",
        "pkg/environment.yml": "",
    }
    project.write({**wanted, **{f"pkg/{name}": "x" for name in SECRETS + USELESS}})
    assert packed("pkg") == set(wanted)
    assert packed("pkg", include=["pkg/server.pem"]) == {*wanted, "pkg/server.pem"}


def test_exclude(project: Project) -> None:
    names = ["pkg/__init__.py", "pkg/big.bin", "pkg/data/a.bin", "pkg/data/b/c.bin", "pkg/data/d.txt"]
    project.write(dict.fromkeys(names, "") | {"other.py": ""})
    everything = set(names)
    assert packed("pkg", exclude=["*.bin"]) == {"pkg/__init__.py", "pkg/data/d.txt"}
    assert packed("pkg", exclude=["data"]) == {"pkg/__init__.py", "pkg/big.bin"}
    assert packed("pkg", exclude=["data/"]) == {"pkg/__init__.py", "pkg/big.bin"}
    assert packed("pkg", exclude=["pkg/data"]) == {"pkg/__init__.py", "pkg/big.bin"}
    assert packed("pkg", exclude=["pkg/data/*.bin"]) == everything - {"pkg/data/a.bin", "pkg/data/b/c.bin"}
    assert packed("pkg", exclude=["pkg/**/*.bin"]) == {"pkg/__init__.py", "pkg/data/d.txt"}
    assert packed("pkg", exclude=["data/a.bin", "./pkg/big.bin"]) == everything - {"pkg/big.bin"}
    assert packed("pkg", "other", exclude=["pkg"]) == {"other.py"}
    assert packed("pkg", "other", exclude=["other.py", "pkg/data"]) == {"pkg/__init__.py", "pkg/big.bin"}


def test_a_large_package_is_refused(
    env: SubmissionEnvironment, project: Project, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "LIMIT", 5_000_000)
    project.write(
        {"huge/__init__.py": "def f(): pass\n", "huge/small.txt": "x", "huge/model.bin": b"m" * 6_000_000}
    )
    from importlib import import_module

    huge = import_module("huge")
    with pytest.raises(CannotSend, match=r"its largest files: 'huge/model\.bin' \(6 MB\)") as caught:
        env.submit(huge.f)
    assert all(word in str(caught.value) for word in ("exclude=", "input_files=", "include="))
    assert not Path(root, "blobs").exists()
    assert env.options(exclude=["huge/model.bin"]).submit(huge.f).result(60) is None
    with_names_only = env.options(include_definitions=False).submit(huge.f)
    with pytest.raises(Exception, match="huge"):
        with_names_only.result(60)


def test_a_large_package_in_a_zip_archive_is_refused(
    env: SubmissionEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "LIMIT", 5_000_000)
    with zipfile.ZipFile(tmp_path / "code.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zipped/__init__.py", "def f(): pass\n")
        archive.writestr("zipped/model.bin", b"m" * 6_000_000)
    monkeypatch.syspath_prepend(tmp_path / "code.zip")
    from importlib import import_module

    with pytest.raises(CannotSend, match=r"its largest files: 'zipped/model\.bin' \(6 MB\)"):
        env.submit(import_module("zipped").f)
    monkeypatch.delitem(sys.modules, "zipped")


def test_a_file_that_cannot_be_read_is_named(env: SubmissionEnvironment, project: Project) -> None:
    project.write({"locked/__init__.py": "def f(): pass\n"})
    (project.folder / "locked/memory").symlink_to("/proc/self/mem")  # which root cannot read either
    from importlib import import_module

    locked = import_module("locked")
    with pytest.raises(CannotSend, match=r"locked/memory', which is part of 'locked' .* with exclude="):
        env.submit(locked.f)
    assert env.options(exclude=["memory"]).submit(locked.f).result(60) is None


def test_a_file_that_vanishes_while_it_is_read(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write({"pkg/__init__.py": "", "pkg/a.txt": "", "pkg/z.tmp": ""})
    read = archives._read

    def slow(file: Any) -> Any:
        (project.folder / "pkg/z.tmp").unlink(missing_ok=True)
        return read(file)

    monkeypatch.setattr(archives, "_read", slow)
    assert packed("pkg") == {"pkg/__init__.py", "pkg/a.txt"}


def test_a_file_beside_the_script(project: Project, tmp_path: Path) -> None:
    other = Project(tmp_path / "scripts", project.root)
    other.write({"table.csv": "4"})
    other.run("""
import os
os.chdir("/")
from pathlib import Path
table = Path(__file__).parent / "table.csv"
del sys.path[0]
def f(): return (Path(__import__("__main__").__file__).parent / "table.csv").read_text()
assert env.options(include=[table]).submit(f).result(60) == "4"
""")
