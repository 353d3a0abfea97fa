"""A job to be, as the library hands it to a provider."""

from __future__ import annotations

from dataclasses import dataclass

from remotebatch.packing.functions import FunctionObject
from remotebatch.packing.inputs import Inputs
from remotebatch.settings import JobSettings
from remotebatch.status import JobType


@dataclass(frozen=True)
class Submission:
    """A job to be: everything packed and checked, nothing stored yet."""

    id: str
    type: JobType
    name: str
    settings: JobSettings
    inputs: Inputs
    """The elements; for commands, their argument lists."""
    chunksize: int
    function: FunctionObject | None
    """None where the elements are commands."""
