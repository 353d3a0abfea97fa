"""What is built holds all that users need, and runs without the source."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
PACKAGES = sorted(
    directory
    for parent in (ROOT, ROOT / "providers", ROOT / "container")
    for directory in parent.iterdir()
    if (directory / "py.typed").is_file()
)
DATA = [
    "azurebatch_emulator/autoscale/formula.lark",
    "remotebatch_azurebatch/pools/template/pool.bicep",
    "remotebatch_azurebatch/pools/template/pool.json",
    "remotebatch_images/Dockerfile",
    "remotebatch_images/Dockerfile.cuda",
]


def run(*command: str | Path, cwd: Path) -> str:
    """Run a program where no source of ours lies; return its output."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"PIP_CONSTRAINT": str(LOCK), "XDG_DATA_HOME": str(cwd / "data")}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=170)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wheel")


@pytest.fixture(scope="module")
def built(directory: Path) -> Path:
    """A directory with the sdist, and the wheel that was built of it."""
    run(sys.executable, "-m", "build", "--outdir", directory / "dist", ROOT, cwd=directory)
    return directory / "dist"


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (wheel,) = built.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def python(directory: Path, wheel: Path) -> Path:
    """The Python of a new environment that has the wheel and what it needs."""
    run(sys.executable, "-m", "venv", directory / "venv", cwd=directory)
    python = directory / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel, cwd=directory)
    return python


def test_wheel_holds_every_file_of_every_package_and_no_other(wheel: Path) -> None:
    expected = {
        str(file.relative_to(package.parent))
        for package in PACKAGES
        for file in package.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == expected
    assert {f"{package.name}/py.typed" for package in PACKAGES} <= names
    assert set(DATA) <= names
    assert len(PACKAGES) >= 7


def test_licence_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        text = archive.read(metadata).decode()
        (licence,) = [name for name in archive.namelist() if name.endswith(".dist-info/licenses/LICENSE")]
        assert archive.read(licence) == (ROOT / "LICENSE").read_bytes()
    assert "License-Expression: MIT\n" in text


def test_source_distribution_builds_the_same_wheel(built: Path, wheel: Path, directory: Path) -> None:
    (source,) = built.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        assert not [name for name in archive.getnames() if "/.venv" in name]
    run(sys.executable, "-m", "build", "--wheel", "--outdir", directory / "direct", ROOT, cwd=directory)
    (direct,) = (directory / "direct").iterdir()
    contents = [
        {entry.filename: entry.CRC for entry in zipfile.ZipFile(path).infolist()} for path in (direct, wheel)
    ]
    assert contents[0] == contents[1]


def test_quick_start_without_the_source(python: Path, directory: Path) -> None:
    page = (ROOT / "docs" / "pages" / "index.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    script = directory / "quick_start.py"
    script.write_text("\n".join(block for block in blocks if "AzureBatch" not in block))
    assert run(python, script, cwd=directory).startswith("5.0\ncomputing\nSucceeded\n")
    where = run(python, "-c", "import remotebatch; print(remotebatch.__file__)", cwd=directory)
    assert where.startswith(str(directory / "venv"))


def test_command_without_the_source(python: Path, directory: Path) -> None:
    program = python.parent / "remotebatch"
    assert "agent" in run(program, "--help", cwd=directory)
    run(program, "agent", "stop", "--force", cwd=directory)
