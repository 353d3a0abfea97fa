"""In a real notebook: functions of its cells travel, jobs show as cards, progress as a bar."""

from __future__ import annotations

from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

CELLS = [
    """
import remotebatch
env = remotebatch.SubmissionEnvironment("Local", root={root!r}, slots=2)
FACTOR = 3

class Scaled(ValueError):
    pass

def scale(x):
    if x == 2:
        raise Scaled(x)
    return FACTOR * x
""",
    "job = env.submit(scale, 5)\njob.result(60)",
    "job",
    "array = env.map_submit(scale, range(4)).progress()",
    """
try:
    array.results()
except Scaled as error:
    print("caught", repr(error))
""",
    "await env.submit(scale, 7)",
]


def test_notebook(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    v4: Any = nbformat.v4  # untyped
    cells = [v4.new_code_cell(cell.replace("{root!r}", repr(root))) for cell in CELLS]
    notebook = v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    _, value, card, bar, caught, awaited = [cell["outputs"] for cell in notebook["cells"]]
    assert value[0]["data"]["text/plain"] == "15"
    assert "<b>SingleJob scale</b>" in card[0]["data"]["text/html"]
    assert "Succeeded" in card[0]["data"]["text/html"]
    assert "4/4 3 succeeded, 1 failed" in bar[0]["data"]["text/html"]
    assert caught[0]["text"] == "caught Scaled(2)\n"
    assert awaited[0]["data"]["text/plain"] == "21"
