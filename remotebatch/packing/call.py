"""A call, packed: the function object and the inputs object, with the code that both need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from remotebatch.packing.functions import ALL_CODE, CodeSettings, FunctionObject, PackedFunction
from remotebatch.packing.inputs import Element, Inputs, pack_inputs
from remotebatch.packing.randomness import shared_arguments, warn_of_generators
from remotebatch.packing.refusals import named_arguments


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
    :warns RandomStateWarning: if all of several elements would draw the same random numbers.
    """
    packed = PackedFunction(function, initializer, code)
    shared: list[str] = []
    inputs = pack_inputs(function, _compared(function, elements, shared), packed.needs)
    try:
        if inputs.count > 1:
            warn_of_generators(packed.name, function, initializer, shared)
        return PackedCall(packed.finish(), inputs)
    except BaseException:
        inputs.close()
        raise


def _compared(
    function: Callable[..., Any], elements: Iterable[Element], shared: list[str]
) -> Iterator[Element]:
    """The elements; ``shared`` gets the random generators that the first two have in common."""
    iterator = iter(elements)
    first = next(iterator, None)
    if first is None:
        return
    yield first
    second = next(iterator, None)
    if second is None:
        return
    shared += shared_arguments(*(dict(named_arguments(function, *element)) for element in (first, second)))
    del first
    yield second
    del second
    yield from iterator
