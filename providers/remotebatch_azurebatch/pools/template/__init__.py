"""Templates that set up at Azure what remotebatch needs, the same in both of Azure's languages."""

from __future__ import annotations

from importlib.resources import files
from typing import Literal

Format = Literal["arm", "bicep"]

_NAMES = {"arm": "pool.json", "bicep": "pool.bicep"}


def template(format: Format = "arm") -> str:  # noqa: A002 - as the command's option is called
    """The text of the template: an ARM template in JSON, or the same in Bicep."""
    return files(__name__).joinpath(_NAMES[format]).read_text(encoding="utf-8")
