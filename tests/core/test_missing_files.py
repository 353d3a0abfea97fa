"""A file that is here and was not sent: the error in the task says how to send it."""

from __future__ import annotations

from pathlib import Path

from tests.support.projects import Project


def test_the_traceback_says_how_to_send_what_is_here(tmp_path: Path, root: str) -> None:
    project = Project(tmp_path / "project", root)
    project.write(
        {
            "lab/__init__.py": "",
            "lab/core.py": "from pathlib import Path\n"
            "def load(name): return (Path(__file__).parents[1] / 'data' / name).read_text()\n",
            "data/here.txt": "text",
        }
    )
    project.run("""
import os, traceback
from lab.core import load

def read(path): return open(path).read()

def shown(function, *arguments):
    try:
        env.submit(function, *arguments).result(60)
    except FileNotFoundError as error:
        return "".join(traceback.format_exception(error)) if hasattr(error, "add_note") else ""
    raise AssertionError("it was found")

beside = os.path.abspath("data/here.txt")
with_notes = hasattr(Exception, "add_note")
for text, setting in (
    (shown(read, "data/here.txt"), "input_files={'data/here.txt': 'data/here.txt'}"),
    (shown(load, "here.txt"), f"include=[{beside!r}]"),
):
    assert not with_notes or f"exists here, and did not in the task. This setting sends it: {setting}" in text
assert "exists here" not in shown(load, "nowhere.txt")
sent = env.options(input_files={"data/here.txt": "data/here.txt"}, include=[beside])
assert sent.submit(read, "data/here.txt").result(60) == "text"
assert sent.submit(load, "here.txt").result(60) == "text"
""")
