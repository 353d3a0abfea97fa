"""Tasks that are commands: their argument lists are the job's inputs."""

from __future__ import annotations

import io
import shlex
from collections.abc import Mapping
from typing import Any

from remotebatch.errors import CannotSend
from remotebatch.packing.inputs import Inputs
from remotebatch.provider import JobRecord
from remotebatch_azurebatch.batch import metadata
from remotebatch_azurebatch.storage import layout
from remotebatch_azurebatch.storage.blobs import BlobStore
from remotebatch_azurebatch.submission.plan import INPUTS_VARIABLE
from remotebatch_kernel.formats import inputs

_LONGEST_COMMAND = 120_000
"""Bytes; Linux takes 128 KiB of one variable."""


def packed_commands(packed: Inputs) -> dict[int, list[str]]:
    """Index → argument list of commands that are about to be submitted.

    :raises CannotSend: if one is longer than a program may be given.
    """
    buffer = io.BytesIO()
    packed.write_to(buffer)
    spans = inputs.read_span(inputs.as_url(buffer.getvalue()), 0, packed.count)
    commands = {index: list(args) for index, (args, *_) in enumerate(spans)}
    for index, argv in commands.items():
        if len(shlex.join(argv).encode()) > _LONGEST_COMMAND:
            raise CannotSend(
                f"command {index} has over {_LONGEST_COMMAND:,} bytes, more than a program may be given: put "
                "what is long into an input file"
            )
    return commands


def stored_commands(store: BlobStore, record: JobRecord, first_part: Mapping[str, Any]) -> list[list[str]]:
    """The argument lists of all of a job's commands.

    :param first_part: the submission's first Azure job, which has the inputs object where it is small.
    """
    small = metadata.variables_of(first_part).get(INPUTS_VARIABLE)
    source = small or inputs.as_url(store.read(layout.container(record), layout.INPUTS).data)
    return [list(args) for args, *_ in inputs.read_span(source, 0, record.element_count)]
