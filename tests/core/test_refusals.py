"""What cannot be sent, or asked for, is refused at once, in words."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Any

import pytest

from remotebatch import CannotSend, Command, InvalidSetting, SubmissionEnvironment
from remotebatch.packing.call import pack_call


def test_coroutine_functions(env: SubmissionEnvironment) -> None:
    async def wait() -> None: ...

    with pytest.raises(CannotSend, match=r"a coroutine function: send a function that calls asyncio\.run"):
        env.submit(wait)


@pytest.mark.parametrize("argv", [["echo", "a\0b"], [""]])
def test_commands_that_no_program_can_be_given(argv: list[str]) -> None:
    with pytest.raises(CannotSend, match="which no program can be given"):
        Command(argv)


def test_kinds_of_jobs_that_there_are_not(env: SubmissionEnvironment) -> None:
    with pytest.raises(InvalidSetting, match="type='array': expected 'Single', 'Array' or None"):
        env.jobs("array")


SCRIPT = """
import collections, functools, logging, sys, types
from functools import partial

handle = open(path, "w")
ops = types.ModuleType("ops")
ops.TABLE = {"add": handle}
sys.modules["ops"] = ops
Row = collections.namedtuple("Row", "number file")

class Model:
    cache = handle

class Box:
    def __init__(self, *items): self.items = items
    def show(self, *more): return self.items
    def __call__(self): return self.items

class Slots:
    __slots__ = ("empty", "file")
    def __init__(self, file): self.file = file

class Hands:
    def __reduce__(self): return list, ((number for number in [1]),)

class Raises:
    def __reduce__(self): raise ValueError("no,\\nnever")

class RaisesMore(Exception):
    def __reduce__(self): raise self
    def __str__(self): raise KeyError

class Never:
    def __repr__(self):
        while True: pass
    def __getattr__(self, name): return getattr(self, name + "_")
    def __init__(self, file): self.file = file

class Endless:
    def __reduce__(self): return list, ((Endless(),),)

class Node: pass

def use(x, y=None): pass
def several(first, *rest): pass
def given(file=handle): pass
def work(): return handle
def helper(): return work()
def table(): return ops.TABLE
def model(): return Model()
def outer(n):
    def inner(): return n
    return inner
@functools.lru_cache
def cached(): return handle

def chain():
    first = last = Node()
    for _ in range(3000):
        last.next = Node()
        last = last.next
    return first

def nested(value, depth):
    for _ in range(depth):
        value = [value]
    return value

cycle = []
cycle += [cycle, {"again": cycle, ("key", 1): [handle]}]
"""

FILES = {  # function, arguments → the way to the open file
    ("use", "handle"): "argument 'x'",
    ("use", "1, y=handle"): "argument 'y'",
    ("several", "1, 2, [handle]"): "argument 'rest[1]': rest[1][0]",
    ("use", "Box(1, Box(handle))"): "argument 'x': x.items[1].items[0]",
    ("use", "Slots(handle)"): "argument 'x': x.file",
    ("use", "Never(handle)"): "argument 'x': x.file",
    ("use", "[Row(1, handle)]"): "argument 'x': x[0].file",
    ("use", "{handle: 1}"): "argument 'x': a key of x",
    ("use", "[{handle}]"): "argument 'x': an element of x[0]",
    ("use", "collections.deque([1, handle])"): "argument 'x': x[1]",
    ("use", "cycle"): "argument 'x': x[1][\"key\", 1][0]",
    ("use", "work"): "argument 'x' uses the global 'handle': handle",
    ("use", "Model()"): "argument 'x': Model.cache",
    ("work", ""): "function 'work' uses the global 'handle': handle",
    ("helper", ""): "function 'helper' uses the global 'work', which uses the global 'handle': handle",
    ("table", ""): "function 'table' uses the global 'ops': ops.TABLE[\"add\"]",
    ("model", ""): "function 'model' uses the global 'Model': Model.cache",
    ("outer(handle)", ""): "function 'inner' uses 'n' of the enclosing function: n",
    ("given", ""): "function 'given' uses the default of 'file': file",
    ("cached", ""): "function 'cached' uses the global 'handle': handle",
    ("Box(handle).show", ""): "function 'Box.show' uses its object, 'self': self.items[0]",
    ("Box(handle)", ""): "function 'Box': self.items[0]",
    ("partial(use, 1, y=[handle])", ""): "function 'use' uses argument 'y' of the partial: y[0]",
    ("partial(use, 1)", "handle"): "argument 'y'",
}
OTHERS = {
    ("use", "(number for number in [1])"): "argument 'x' (a generator) cannot be sent: send a list of what",
    ("use", "[sys._getframe()]"): "argument 'x': x[0] (a frame) cannot be sent: send what is needed of it",
    ("use", "Slots(handle)"): "open it in the function, or leave it out in Slots.__getstate__",
    ("use", "[Hands()]"): "argument 'x': x[0] (whose pickling hands on a generator) cannot be sent: ",
    ("use", "Raises()"): "argument 'x' (Raises) cannot be sent (ValueError: no, never, raised at <script>:",
    ("use", "RaisesMore()"): "argument 'x' (RaisesMore) cannot be sent (RaisesMore, raised at <script>:30)",
    ("use", "Endless()"): "argument 'x' cannot be sent (it is nested more deeply than pickling can follow)",
    ("use", "chain()"): "argument 'x': x.next.next.next.next… cannot be sent (it is nested more deeply",
}


def refusal(function: str, arguments: str, tmp_path: Path) -> CannotSend:
    namespace: dict[str, Any] = {"__name__": "__main__", "path": tmp_path / "file"}
    exec(compile(SCRIPT, "<script>", "exec"), namespace)
    namespace["called_with"] = lambda *args, **kwargs: (args, kwargs)
    element = eval(f"called_with({arguments})", namespace)
    with namespace["handle"], pytest.raises(CannotSend) as caught:
        pack_call(eval(function, namespace), [element])
    del sys.modules["ops"]
    return caught.value


@pytest.mark.parametrize("call", FILES, ids="{0[0]}({0[1]})".format)
def test_the_way_to_what_cannot_be_sent(call: tuple[str, str], tmp_path: Path) -> None:
    error = refusal(*call, tmp_path)
    advice = "send its path or its content, and open it in the function"
    assert str(error).startswith(f"{FILES[call]} (an open file) cannot be sent: {advice}")
    assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize("call", OTHERS, ids="{0[0]}({0[1]})".format)
def test_why_it_cannot_be_sent_and_what_to_do(call: tuple[str, str], tmp_path: Path) -> None:
    error = refusal(*call, tmp_path)
    assert OTHERS[call] in str(error)
    assert len(str(error).splitlines()) == 1


def test_no_one_is_told_to_change_a_class_of_a_library(tmp_path: Path) -> None:
    said = str(refusal("use", "logging.StreamHandler(handle)", tmp_path))
    assert said.startswith("argument 'x': x.stream (an open file) cannot be sent: ")
    assert said.endswith("and open it in the function")


def test_a_refusal_shows_no_traceback_but_its_own(tmp_path: Path) -> None:
    for call in ("work", ""), ("use", "Raises()"):
        shown = "".join(traceback.format_exception(refusal(*call, tmp_path)))
        assert shown.count("Traceback") == 1


def test_a_long_way_is_shortened(tmp_path: Path) -> None:
    said = str(refusal("use", f"{'[' * 150}handle{']' * 150}", tmp_path))
    assert said.startswith("argument 'x': x[0][0][0]")
    assert "[0][0] (an open file) cannot be sent" in said
    assert len(said) < 500


def test_what_lies_too_deep_to_find_is_refused_without_the_way(tmp_path: Path) -> None:
    said = str(refusal("use", f"nested(handle, {sys.getrecursionlimit() // 3})", tmp_path))
    assert said.startswith("argument 'x' cannot be sent (PicklingError: ")


def test_what_takes_too_long_to_find_is_refused_without_the_way(tmp_path: Path) -> None:
    with open(tmp_path / "file", "w") as file:
        huge = [[number] for number in range(3_000_000)]
        with pytest.raises(CannotSend, match=r"^argument 'huge' cannot be sent \(PicklingError: "):
            pack_call(lambda first, huge: None, [((1, [huge, file]), {})])


def test_what_is_no_function_is_refused_without_its_repr(env: SubmissionEnvironment) -> None:
    class Hostile:
        def __repr__(self) -> str:
            raise AssertionError("called")

    with pytest.raises(CannotSend, match=r"^<.*Hostile> is no function and no Command$"):
        env.submit(Hostile())  # type: ignore[call-overload]
