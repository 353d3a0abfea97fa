from __future__ import annotations

import sys
from typing import TYPE_CHECKING, get_type_hints

if TYPE_CHECKING:
    from nowhere_at_all import Type

try:
    import module_that_is_nowhere
except ImportError:
    module_that_is_nowhere = None

if sys.version_info >= (3, 0):
    import helper_named as chosen
else:
    import python2_only as chosen


def typed(value: Type, other: int = 1) -> list[Type]:
    return [value, other]


def precise(value: int) -> list[str]:
    return [str(value)]


def show():
    from farm.stalls import Box

    try:
        import another_that_is_nowhere  # noqa: F401
    except ModuleNotFoundError as error:
        missing = error.name
    return (
        typed(1),
        typed.__annotations__,
        get_type_hints(precise),
        module_that_is_nowhere,
        chosen.answer(),
        Box.label,
        missing,
    )


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
