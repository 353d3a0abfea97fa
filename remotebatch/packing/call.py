"""A call, packed: the function object and the inputs object, with the code that both need."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from remotebatch.packing.functions import FunctionObject, PackedFunction
from remotebatch.packing.inputs import Element, Inputs, pack_inputs


class PackedCall(NamedTuple):
    """What is stored of a call."""

    function: FunctionObject
    inputs: Inputs


def pack_call(
    function: Callable[..., Any],
    elements: Iterable[Element],
    initializer: Callable[[], Any] | None = None,
    include_definitions: bool = True,
) -> PackedCall:
    """Pack a function and the elements that it is called with.

    :param include_definitions: whether the user's own modules travel with them.
    :raises CannotSend: naming what cannot be pickled, or a package of the user's that is too large.
    """
    packed = PackedFunction(function, initializer, include_definitions)
    inputs = pack_inputs(function, elements, packed.needs)
    try:
        return PackedCall(packed.finish(), inputs)
    except BaseException:
        inputs.close()
        raise
