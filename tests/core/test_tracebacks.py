"""A remote traceback names the files and lines that a plain Python run of the same call names."""

from __future__ import annotations

import functools
import linecache
import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remotebatch import SubmissionEnvironment
from remotebatch_kernel import pickling


def fail(value: int) -> float:
    return value / 0


def call_nested(value: int) -> float:
    def nested() -> float:
        return value / 0

    return nested()


def in_comprehension(value: int) -> list[float]:
    return [number / 0 for number in range(value)]


def in_generator(value: int) -> float:
    return sum(number / 0 for number in range(value))


def over_several_lines(value: int) -> float:
    return (
        value +
        value / 0  # the line that fails
    )  # fmt: skip


class Divider:
    def __call__(self, value: int) -> float:
        return self.divide(value)

    def divide(self, value: int) -> float:
        return value / 0

    @staticmethod
    def static(value: int) -> float:
        return value / 0

    @classmethod
    def of_class(cls, value: int) -> float:
        return cls.static(value)

    @property
    def broken(self) -> float:
        return 1 / 0


def through_property(value: int) -> float:
    return Divider().broken * value


def decorated(function: Callable[[int], float]) -> Callable[[int], float]:
    @functools.wraps(function)
    def wrapper(value: int) -> float:
        return function(value)

    return wrapper


@decorated
def wrapped(value: int) -> float:
    return value / 0


CALLS: dict[str, Callable[[int], Any]] = {
    "function": fail,
    "nested function": call_nested,
    "lambda": lambda value: value / 0,
    "method": Divider().divide,
    "callable object": Divider(),
    "static method": Divider.static,
    "class method": Divider.of_class,
    "property": through_property,
    "comprehension": in_comprehension,
    "generator": in_generator,
    "several lines": over_several_lines,
    "partial": functools.partial(fail),
    "decorated": wrapped,
}


def plain_frames(call: Callable[[], Any]) -> list[tuple[str, int, str, str]]:
    """File, line number, function and source line of each frame of this file in a plain run."""
    with pytest.raises(ZeroDivisionError) as caught:
        call()
    frames = traceback.extract_tb(caught.value.__traceback__)
    own = [frame for frame in frames if frame.filename == __file__ and frame.name != "plain_frames"]
    return [
        (frame.filename, frame.lineno or 0, frame.name, frame.line or "")
        for frame in own
        if not frame.name.startswith("test_") and "plain_frames(" not in (frame.line or "")
    ]


def remote_frames(text: str) -> list[tuple[str, int, str, str]]:
    """The same of a traceback in words."""
    found = re.findall(r'  File "(.+)", line (\d+), in (.+)\n    (.+)\n', text)
    return [(file, int(line), name, source) for file, line, name, source in found]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_a_remote_traceback_has_the_files_and_lines_of_a_plain_run(
    env: SubmissionEnvironment, call: Callable[[int], Any]
) -> None:
    here = plain_frames(lambda: call(3))
    job = env.submit(call, 3)
    assert isinstance(job.exception(60), ZeroDivisionError)
    there = remote_frames(job.error_log())
    assert here
    assert there == [frame for frame in here if frame[2] != "<lambda>" or call is CALLS["lambda"]]


def test_a_function_that_a_task_returns_keeps_its_file_and_lines(env: SubmissionEnvironment) -> None:
    def make() -> Callable[[], float]:
        return lambda: 1 / 0

    returned = env.submit(make).result(60)
    assert plain_frames(returned) == plain_frames(make())


def test_a_script_without_a_file_keeps_what_it_is_called(env: SubmissionEnvironment) -> None:
    source = "def cell(value):\n    return value / 0\n"
    name = "<cell 1>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(source, name, "exec"), namespace)
    job = env.submit(namespace["cell"], 1)
    job.wait(60)
    assert '  File "<cell 1>", line 2, in cell\n    return value / 0\n' in job.error_log()


def test_the_bytes_of_a_function_depend_on_its_code_alone() -> None:
    first = pickling.dumps(CALLS["lambda"])
    kept = [CALLS["lambda"].__code__.co_consts, CALLS["lambda"].__code__.co_name]  # more references
    assert pickling.dumps(CALLS["lambda"]) == first
    assert kept


def test_code_with_constants_that_no_compiler_makes_travels_too() -> None:
    marker = frozenset({("a", Path("x"))})

    def function() -> Any:
        return "replaced"

    constants = tuple(marker if value == "replaced" else value for value in function.__code__.co_consts)
    function.__code__ = function.__code__.replace(co_consts=constants)
    import pickle

    assert pickle.loads(pickling.dumps(function))() == marker
