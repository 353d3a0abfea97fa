"""The inputs object: the elements of a job, pickled one after another."""

from __future__ import annotations

import io
import pickle
import shutil
import tempfile
from array import array
from collections.abc import Callable, Iterable, Mapping
from typing import IO, Any

from remotebatch.command import Command
from remotebatch.errors import CannotSend
from remotebatch.packing.call_text import arguments_text, short
from remotebatch.packing.pickler import Needs, Pickler
from remotebatch.packing.refusals import explain_argument
from remotebatch_kernel.formats import inputs

Element = tuple[tuple[Any, ...], Mapping[str, Any]]
"""Positional and keyword arguments of one call."""

_IN_MEMORY_BYTES = 4 * 1024 * 1024


class Inputs:
    """The packed elements of a job. They live in memory or, beyond a few MB, in a temporary file."""

    def __init__(self) -> None:
        self._payload = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115 - see close
        self._lengths = array("Q")

    def add(self, element: bytes | memoryview) -> None:
        """Append a pickled element."""
        self._lengths.append(self._payload.write(element))

    def close(self) -> None:
        """Let go of the temporary file."""
        self._payload.close()

    @property
    def count(self) -> int:
        """Number of elements."""
        return len(self._lengths)

    @property
    def size(self) -> int:
        """Bytes of the inputs object."""
        return inputs.head_size(self.count) + sum(self._lengths)

    def write_to(self, file: IO[bytes]) -> None:
        """Write the inputs object (see :mod:`remotebatch_kernel.formats.inputs`)."""
        offsets = array("Q", [inputs.head_size(self.count)])
        for length in self._lengths:
            offsets.append(offsets[-1] + length)
        file.write(inputs.pack_head(offsets))
        self._payload.seek(0)
        shutil.copyfileobj(self._payload, file, 1 << 20)


def pack_inputs(function: Callable[..., Any], elements: Iterable[Element], needs: Needs) -> Inputs:
    """Pickle the elements one after another; memory stays bounded however many there are.

    :param needs: gets what they need of the user's own code.
    :raises CannotSend: naming the argument, and the element if there are several.
    """
    packed = Inputs()
    buffer = io.BytesIO()
    try:
        for args, kwargs in elements:
            buffer.seek(0)
            buffer.truncate()
            try:
                Pickler(buffer, needs).dump((args, dict(kwargs), arguments_text(args, kwargs)))
            except Exception as error:  # raised by a user's __reduce__
                raise CannotSend(explain_argument(function, args, kwargs, packed.count, error)) from None
            packed.add(buffer.getvalue())
    except BaseException:
        packed.close()
        raise
    return packed


def pack_commands(commands: Iterable[Command]) -> Inputs:
    """Pack the argument lists of commands as elements, so that they lie where inputs lie.

    :raises CannotSend: if one is no command.
    """
    packed = Inputs()
    for position, command in enumerate(commands):
        if not isinstance(command, Command):
            packed.close()
            raise CannotSend(f"element {position} is {short(command)}: a job of commands takes commands only")
        packed.add(pickle.dumps((command.argv, {})))
    return packed
