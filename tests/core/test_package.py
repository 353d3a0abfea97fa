"""The package as users import it: every public name is there, and a task loads little of it."""

from __future__ import annotations

import subprocess
import sys

import pytest

import remotebatch


@pytest.mark.parametrize("name", remotebatch.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(remotebatch, name) is getattr(remotebatch, name)
    assert name in dir(remotebatch)


def test_another_name_is_not() -> None:
    with pytest.raises(AttributeError, match="module 'remotebatch' has no attribute 'nothing'"):
        _ = remotebatch.nothing


def test_what_tasks_use_loads_nothing_else() -> None:
    script = (
        "import sys, remotebatch; remotebatch.vcpu_count(); "
        "print(sorted(n for n in sys.modules if n.startswith('remotebatch') or n == 'msgspec'))"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "['remotebatch', 'remotebatch.task']"
