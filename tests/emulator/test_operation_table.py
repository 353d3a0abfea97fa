"""The docs' table of operations is complete, and is what the tests say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "pages" / "emulator-operations.md"


def test_table_in_the_docs_is_what_the_tests_say(tmp_path: Path) -> None:
    before = PAGE.read_text()
    command = [sys.executable, "-m", "tests.support.operation_table"]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    after = PAGE.read_text()
    PAGE.write_text(before)
    assert made.returncode == 0, made.stderr + made.stdout
    assert after == before, "make it again: python -m tests.support.operation_table"
