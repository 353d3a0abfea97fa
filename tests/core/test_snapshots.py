"""A submission takes the user's code as it is; what is unchanged is neither read nor stored again."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from remotebatch.packing.code import collect
from tests.support.projects import Project, forget_modules


@pytest.fixture
def project(tmp_path: Path, root: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project whose folder is on sys.path here too."""
    made = Project(tmp_path / "project", root)
    monkeypatch.syspath_prepend(str(made.folder))
    yield made
    forget_modules(made.folder)


_opened: list[str] = []
_listening = False


def _listen(event: str, arguments: tuple[object, ...]) -> None:
    if _listening and event == "open":
        _opened.append(str(arguments[0]))


sys.addaudithook(_listen)


@contextmanager
def opened() -> Iterator[list[str]]:
    """Paths of the files that are opened meanwhile."""
    global _listening
    _opened.clear()
    _listening = True
    try:
        yield _opened
    finally:
        _listening = False


def let_time_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have it look as if some time had passed since the files were written."""
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 10**10)


def test_an_edit_changes_no_job_that_was_submitted(project: Project) -> None:
    project.write({"config.py": "def value(): return 'old'\n", "data/__init__.py": "", "data/x.txt": "old"})
    project.run("""
import time, config, data
from pathlib import Path
busy = [env.submit(time.sleep, 1) for _ in range(2)]
def look():
    return config.value(), (Path(data.__file__).parent / "x.txt").read_text()
queued = env.submit(look)
folder = Path(config.__file__).parent
(folder / "config.py").write_text("def value(): return 'new'\\n")
(folder / "data/x.txt").write_text("new")
after = env.submit(look)
stat = (folder / "data/x.txt").stat()
(folder / "data/x.txt").write_text("NEW")
import os
os.utime(folder / "data/x.txt", ns=(stat.st_atime_ns, stat.st_mtime_ns))
last = env.submit(look)
assert [job.result(60) for job in (queued, after, last)] == [("old", "old"), ("new", "new"), ("new", "NEW")]
""")


def test_unchanged_files_are_not_read_again(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write({f"pkg/m{number}.py": f"from pkg import m{number + 1}\n" for number in range(20)})
    project.write({"pkg/__init__.py": "", "other.py": "import pkg\n"})
    let_time_pass(monkeypatch)
    with opened() as files:
        first = collect(["other"], None)
    assert len([file for file in files if file.startswith(str(project.folder))]) >= 22
    with opened() as files:
        second = collect(["other"], None)
    read = [file for file in files if file.startswith(str(project.folder)) and file.endswith(".py")]
    assert read == [str(project.folder / "pkg/__init__.py")]  # it is not loaded, and may extend its path
    assert first is not None
    assert second is not None
    assert first.description == second.description
    (project.folder / "pkg/m3.py").write_text("pass")
    with opened() as files:
        third = collect(["other"], None)
    assert str(project.folder / "other.py") not in files
    assert third is not None
    assert len(third.archives.keys() - first.archives.keys()) == 1


def test_a_replaced_file_of_the_same_size_and_time_is_read(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write({"single.py": "A = 1\n"})
    path = project.folder / "single.py"
    os.utime(path, (1e9, 1e9))
    let_time_pass(monkeypatch)
    first = collect(["single"], None)
    new = project.folder / "new"
    new.write_text("A = 2\n")
    os.utime(new, (1e9, 1e9))
    new.replace(path)
    second = collect(["single"], None)
    assert first is not None
    assert second is not None
    assert first.description.digest != second.description.digest


def test_a_snapshot_takes_the_place_of_its_directory(project: Project, tmp_path: Path) -> None:
    lib = tmp_path / "lib"
    project.write({"used.py": "def name(): return __name__\n", "plugin.py": "X = 1\n"}, under=lib)
    project.run(
        """
import used
def find(name):
    import importlib.util
    used.name()
    return importlib.util.find_spec(name) is not None
job = env.options(exclude=["plugin.py"]).submit(find, "plugin")
assert not job.result(60)
assert env.options(include=["plugin"]).submit(find, "plugin").result(60)
assert find("plugin")
""",
        path=[lib],
    )


def test_projects_with_modules_of_the_same_name_never_mix(project: Project, tmp_path: Path) -> None:
    projects = [Project(tmp_path / name, project.root) for name in ("one", "two")]
    script = """
import threading
def work(_):
    import time, helper
    time.sleep(0.05)
    from helper.sub import NAME
    return helper.NAME, NAME
job = env.map_submit(work, range(20))
assert set(job.results(120)) == {(sys.argv[1], sys.argv[1])}, set(job.results())
"""
    for made in projects:
        name = made.folder.name
        made.write({"helper/__init__.py": f"NAME = {name!r}\n", "helper/sub.py": f"NAME = {name!r}\n"})
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda made: made.run(script, made.folder.name), projects))


def test_a_second_submission_stores_no_code_again(project: Project, root: str) -> None:
    project.write({"pkg/__init__.py": "def f(): pass\n", "pkg/data.bin": bytes(100_000)})
    script = "import pkg; same(pkg.f)"
    project.run(script)
    stored = state_of(Path(root, "blobs/remotebatch-objects"))
    project.run(script)
    assert state_of(Path(root, "blobs/remotebatch-objects")) == stored
    assert any(name.endswith("pkg/data.bin") for name, *_ in stored)


def state_of(folder: Path) -> set[tuple[str, int, int]]:
    """The files in a folder, with what differs when they have been written again."""
    found = ((path, path.stat()) for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {(str(path), status.st_ino, status.st_mtime_ns) for path, status in found}
