"""Shows the roles of Sphinx in docstrings as what they mean: code, linked where the name has a section."""

from __future__ import annotations

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(?:class|meth|func|attr|mod|exc|data):`(~?)([^`]+)`")
_BLOCK = re.compile(r"::(?=\n\s*\n)")


class DocstringRoles(griffe.Extension):
    """Rewrites docstrings for Markdown, before they are parsed."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of an object."""
        if obj.docstring is not None:
            text = _BLOCK.sub(":", obj.docstring.value)
            obj.docstring.value = _ROLE.sub(lambda role: _link(obj, role[1] == "~", role[2]), text)


def _link(obj: griffe.Object, short: bool, name: str) -> str:
    shown = name.rpartition(".")[2] if short else name
    try:
        target = obj.resolve(name)
    except griffe.NameResolutionError:
        target = name
    return f'<autoref optional identifier="{target}"><code>{shown}</code></autoref>'
