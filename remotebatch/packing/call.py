"""A call, packed: the function object and the inputs object, with the code that both need."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from remotebatch.packing.functions import ALL_CODE, CodeSettings, FunctionObject, PackedFunction
from remotebatch.packing.inputs import Element, Inputs, pack_inputs


class PackedCall(NamedTuple):
    """What is stored of a call."""

    function: FunctionObject
    inputs: Inputs


def pack_call(
    function: Callable[..., Any],
    elements: Iterable[Element],
    initializer: Callable[[], Any] | None = None,
    code: CodeSettings = ALL_CODE,
) -> PackedCall:
    """Pack a function and the elements that it is called with.

    :param code: which of the user's own modules and files travel with them.
    :raises CannotSend: naming what cannot be pickled, or a package of the user's that is too large.
    :raises InvalidSetting: if something to include is not there.
    """
    packed = PackedFunction(function, initializer, code)
    inputs = pack_inputs(function, elements, packed.needs)
    try:
        return PackedCall(packed.finish(), inputs)
    except BaseException:
        inputs.close()
        raise
