"""What looks at the output: a terminal, a notebook, or a program."""

from __future__ import annotations

import sys
from typing import TextIO


def in_terminal(stream: TextIO | None = None) -> bool:
    """Whether a stream, standard output by default, goes to a terminal."""
    return (stream or sys.stdout).isatty()


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and type(shell).__name__ == "ZMQInteractiveShell"
