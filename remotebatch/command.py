"""A program to run in place of a Python function."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from remotebatch.errors import CannotSend


@dataclass(frozen=True)
class Command:
    """Any executable with its arguments; no Python is needed where it runs.

    Submitted in place of a function. Its result is a :class:`subprocess.CompletedProcess` with the
    exit code and both streams as text. There is no shell: use ``["sh", "-c", "…"]`` for one.

    :param argv: the program and its arguments: strings or paths.
    :raises CannotSend: if it is empty or holds anything else.
    """

    argv: tuple[str, ...]

    def __init__(self, argv: Sequence[str | os.PathLike[str]]) -> None:
        if isinstance(argv, (str, bytes)) or not argv:
            raise CannotSend(
                f"Command({argv!r}): give a list of the program and its arguments, "
                'such as ["java", "-jar", "pi.jar"]'
            )
        words = []
        for position, word in enumerate(argv):
            if not isinstance(word, (str, os.PathLike)):
                raise CannotSend(f"Command word {position} is {word!r}: only strings and paths can be sent")
            words.append(os.fspath(word))
            if "\0" in words[-1] or not words[0]:
                raise CannotSend(f"Command word {position} is {word!r}, which no program can be given")
        object.__setattr__(self, "argv", tuple(words))

    @property
    def name(self) -> str:
        """The program's base name."""
        return os.path.basename(self.argv[0])
