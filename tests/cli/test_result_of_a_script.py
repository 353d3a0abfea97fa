"""``result`` of a job whose script, and so its classes, this process does not have."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

SCRIPT = """
import enum, sys
from dataclasses import dataclass
import remotebatch

class Colour(enum.Enum):
    RED = 1

@dataclass(slots=True)
class Point:
    x: int
    colour: Colour = Colour.RED

class Failed(Exception):
    def __init__(self, code, *, detail):
        super().__init__(f"{code}: {detail}")
        self.code = code

def work():
    return [Point(3)]

def fail():
    raise Failed(3, detail="why")

if __name__ == "__main__":
    env = remotebatch.SubmissionEnvironment("Local", root=sys.argv[1], slots=2)
    for job in (env.submit(work), env.submit(fail)):
        job.wait(60)
        print(job.id)
"""


def test_classes_of_a_script_are_shown_and_raised(cli: Any, root: str, tmp_path: Path) -> None:
    script = tmp_path / "main.py"
    script.write_text(SCRIPT)
    value, failure = subprocess.check_output([sys.executable, script, root], text=True).split()
    assert cli.succeed("result", value) == "[Point(x=3, colour=<Colour.RED: 1>)]\n"
    assert "Failed: 3: why" in cli.fail("result", failure)
