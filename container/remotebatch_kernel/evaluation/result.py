"""The result object: how the evaluation went in its header, the outcomes in its payload.

The payload is a pickled list with one outcome for each element of the task's span:
``("value", value)``, ``("error", pickled exception or None, type name, message, traceback)``, or
``("missing",)`` for an element that was not evaluated.
The exception is pickled within the pickle so that a client which cannot rebuild it still reads
the rest.
"""

from __future__ import annotations

import io
import os
import pickle
import sys
from typing import Any

import cloudpickle

from remotebatch_kernel import exceptions, pickling
from remotebatch_kernel.evaluation import user_code
from remotebatch_kernel.evaluation.failure import KernelFailure
from remotebatch_kernel.formats import envelope, exit_codes

_PLAIN = frozenset({type(None), bool, int, float, str, bytes})  # cloudpickle would only be slower


def error_outcome(exception: BaseException, element: str = "") -> tuple[Any, ...]:
    """The outcome of an element whose evaluation raised.

    :param element: which one, in words, to be shown below the traceback.
    """
    user_code.with_paths_at_client(exception)
    traceback = user_code.at_client(exceptions.format_traceback(exception, _OWN_DIRECTORY))
    return (
        "error",
        exceptions.dump(exception),
        exceptions.type_name(exception),
        user_code.at_client(exceptions.summary(exception)),
        f"{traceback}{element}\n" if element else traceback,
    )


# as frames name their files: a compiled kernel's are not where its modules are
_OWN_DIRECTORY = os.path.dirname(error_outcome.__code__.co_filename)


def pack(header: dict[str, Any], outcomes: list[tuple[Any, ...]], first: int) -> bytes:
    """Pack header and outcomes.

    :param first: index of the first element.
    :raises KernelFailure: ResultUnavailable, naming the part, if a value cannot be pickled.
    """
    plain = all(outcome[0] == "value" and type(outcome[1]) in _PLAIN for outcome in outcomes)
    try:
        payload = pickle.dumps(outcomes) if plain else pickling.dumps(outcomes)
    except MemoryError:
        raise
    except Exception as error:  # whatever a user's __reduce__ raises
        raise KernelFailure(
            "ResultUnavailable", exit_codes.RESULT_UNPICKLABLE, _unpicklable(outcomes, first, error)
        ) from None
    return envelope.pack(header, payload)


BASE_HEADER = {
    "kind": "result",
    "python": "{}.{}.{}".format(*sys.version_info),
    "cloudpickle": cloudpickle.__version__,
}
"""The part of the header that is known before anything has run."""


def _unpicklable(outcomes: list[tuple[Any, ...]], first: int, error: Exception) -> str:
    from remotebatch_kernel import culprits  # not needed by tasks that end well

    several = len(outcomes) > 1
    parts = (
        culprits.Named(f"the result of element {index}" if several else "the result", "result", outcome[1])
        for index, outcome in enumerate(outcomes, first)
        if outcome[0] == "value"
    )
    refused = culprits.find(parts, pickling.Pickler(io.BytesIO()), error)
    if refused is None:
        return f"the result cannot be pickled: {culprits.described(error)}"
    advice = "return plain data, or write it to files under ./JobOutput/"
    return refused._replace(advice=advice).text("cannot be pickled")
