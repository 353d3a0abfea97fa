"""Generators that an array's function takes along are named in a warning, before anything is sent."""

from __future__ import annotations

import functools
import random
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import remotebatch
from remotebatch import RandomStateWarning, SubmissionEnvironment, task
from remotebatch.packing.call import pack_call
from remotebatch.packing.inputs import Element

HELPER = """
import random
from random import gauss
import numpy as np

rng = np.random.default_rng(0)
legacy = np.random.RandomState(0)
python = random.Random(0)
unused = random.Random(1)
table = {"a": [rng]}
system = random.SystemRandom()

def draw(x): return rng.normal()
def draw_legacy(x): return legacy.normal()
def draw_python(x): return python.random() + 0
def draw_from_table(x): return table["a"][0].normal()
def draw_deep(x): return draw(x)
def draw_global(x): return np.random.normal()
def draw_seeded(x):
    np.random.seed(x)
    return np.random.normal()
def draw_module(x): return random.random() + gauss(0, 1)
def draw_own(x):
    rng = np.random.default_rng(x)
    return rng.normal()
def default(x, rng=np.random.default_rng(1)): return rng.normal()
def draw_system(x): return system.random()
def harmless(x): return unused_name

class Model:
    shared = np.random.default_rng(2)
    def __init__(self): self.own = np.random.default_rng(3)
    def run(self, x): return self.own.normal()
    def run_shared(self, x): return Model.shared.normal()
    def run_global(self, x): return rng.normal()

class Plain:
    def run(self, x): return x

unused_name = 1
"""
SCRIPT = f"""
import functools
{HELPER}
import helper
def draw_helper(x): return helper.rng.normal()
def draw_helpers_draw(x): return helper.draw(x)
def draw_gauss(x): return gauss(0, 1)
model = Model()
def draw_model(x): return model.run(x)
def make():
    inner = np.random.default_rng(5)
    return lambda x: inner.normal()
closure = make()
@functools.lru_cache
def cached(x): return rng.normal()
"""


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A module of the user's own."""
    (tmp_path / "helper.py").write_text(HELPER)
    monkeypatch.syspath_prepend(tmp_path)
    import helper  # type: ignore[import-not-found]

    yield helper
    del sys.modules["helper"]


@pytest.fixture
def script(helper: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module as a script is: it travels by value."""
    module = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", module)
    exec(SCRIPT, vars(module))
    return module


def warned(function: Callable[..., Any], *iterables: Any, **options: Any) -> str:
    """What is warned of when an array is packed."""
    elements: list[Element] = [(args, {}) for args in zip(*iterables or [range(3)])]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pack_call(function, elements, **options).inputs.close()
    return "; ".join(str(each.message) for each in caught if each.category is RandomStateWarning)


NUMPYS = "numpy.random.Generator"
TAKE_RNG = "take remotebatch.task.rng() inside the function"


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("draw", f"the global 'rng' ({NUMPYS})"),
        ("draw_legacy", "the global 'legacy' (numpy.random.RandomState)"),
        ("draw_python", "the global 'python' (random.Random)"),
        ("draw_from_table", f"the global \"table['a'][0]\" ({NUMPYS})"),
        ("draw_deep", f"the global 'rng' ({NUMPYS})"),
        ("draw_gauss", "the global 'gauss' (random.Random)"),
        ("draw_model", f"the global 'model.own' ({NUMPYS})"),
        ("closure", f"'inner' of the enclosing function ({NUMPYS})"),
        ("default", f"default's 'rng' ({NUMPYS})"),
        ("cached", f"the global 'rng' ({NUMPYS})"),
    ],
)
def test_what_travels_with_a_script(script: Any, name: str, place: str) -> None:
    text = warned(getattr(script, name))
    assert f"every child begins with the same numbers of {place}" in text
    assert "remotebatch.task." in text


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("draw", f"helper.rng ({NUMPYS})"),
        ("draw_legacy", "helper.legacy (numpy.random.RandomState)"),
        ("draw_python", "helper.python (random.Random)"),
        ("draw_from_table", f"helper.table['a'][0] ({NUMPYS})"),
        ("draw_deep", f"helper.rng ({NUMPYS})"),
        ("default", f"default's 'rng' ({NUMPYS})"),
    ],
)
def test_what_a_module_makes_anew(helper: Any, name: str, place: str) -> None:
    assert f"every child makes {place} anew: with a seed, all draw the same" in warned(getattr(helper, name))


@pytest.mark.parametrize("name", ["draw_helper", "draw_helpers_draw"])
def test_a_generator_of_a_module_that_a_script_names(script: Any, name: str) -> None:
    assert f"every child makes helper.rng ({NUMPYS}) anew" in warned(getattr(script, name))


def test_what_objects_and_their_classes_hold(script: Any, helper: Any) -> None:
    assert f"numbers of self.own ({NUMPYS})" in warned(script.model.run)
    text = warned(helper.Model().run)
    assert f"the same numbers of self.own ({NUMPYS}); every child makes helper.Model.shared" in text
    assert f"Model.shared ({NUMPYS})" in warned(script.model.run_shared)
    assert f"the global 'rng' ({NUMPYS})" in warned(script.model.run_global)
    partial = functools.partial(helper.harmless, rng=np.random.default_rng())
    assert f"argument 'rng' of the partial ({NUMPYS})" in warned(partial)
    assert f"Generator.normal ({NUMPYS})" in warned(np.random.default_rng().normal)
    assert "Random.gauss (random.Random)" in warned(random.gauss, range(2), range(2))
    assert f"the global 'rng' ({NUMPYS})" in warned(
        script.harmless, initializer=functools.partial(script.draw, 0)
    )


def test_slots_are_looked_at(script: Any) -> None:
    definitions = """
class Slotted:
    __slots__ = ("rng", "unset")
slotted = Slotted()
slotted.rng = random.Random()
def draw_slotted(x): return slotted.rng.random()
"""
    exec(definitions, vars(script))
    assert "the global 'slotted.rng' (random.Random)" in warned(script.draw_slotted)


@pytest.mark.parametrize("name", ["draw_own", "draw_module", "harmless", "draw_seeded", "Plain"])
def test_what_is_right_is_not_warned_of(helper: Any, name: str) -> None:
    assert warned(getattr(helper, name), [1, 2]) == "" if name != "Plain" else not warned(helper.Plain().run)


def test_the_systems_generator_and_the_tasks_own_are_right(helper: Any) -> None:
    assert warned(helper.draw_system) == ""
    assert warned(lambda x: task.rng().normal()) == ""
    assert warned(lambda x: remotebatch.task.rng().normal()) == ""
    assert warned(abs) == ""


def test_numpys_global_generator(helper: Any, script: Any) -> None:
    for function in (helper.draw_global, script.draw_global):
        text = warned(function)
        assert "numpy.random.normal draws from numpy's global generator" in text
        assert text.endswith(TAKE_RNG)

    def draw(_: int) -> float:
        return float(numpy_here.random.normal())

    import numpy as numpy_here  # noqa: ICN001 - in a closure

    assert "numpy.random.normal draws" in warned(draw)

    def seed() -> None:
        np.random.seed(task.seed())

    assert warned(helper.draw_global, initializer=seed) == ""


def test_arguments(helper: Any) -> None:
    one = np.random.default_rng()
    text = warned(helper.default, range(3), [one] * 3)
    assert f"the argument 'rng' ({NUMPYS})" in text
    assert "the argument" not in warned(helper.default, range(3), [np.random.default_rng() for _ in range(3)])
    assert "the argument" not in warned(helper.default, range(3), one.spawn(3))
    boxes = [{"rng": random.Random(i)} for i in range(3)]
    assert warned(helper.harmless, boxes) == ""
    assert "the argument \"x['rng']\" (random.Random)" in warned(helper.harmless, [boxes[0]] * 3)


def test_torchs_generator_is_known_without_importing_torch(
    script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "torch" not in sys.modules
    torch = types.ModuleType("torch")
    torch.Generator = type("Generator", (), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    script.noise = torch.Generator()
    exec("def draw_noise(x): return noise", vars(script))
    text = warned(script.draw_noise)
    assert "the global 'noise' (torch.Generator)" in text
    assert text.endswith("make torch.Generator().manual_seed(remotebatch.task.seed()) inside the function")


def test_single_jobs_and_arrays_of_one_are_not_warned_of(script: Any) -> None:
    assert warned(script.draw, [1]) == ""


def test_odd_objects_do_no_harm(script: Any) -> None:
    class Odd:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

        def __eq__(self, other: object) -> bool:
            raise RuntimeError

        __hash__ = None  # type: ignore[assignment]

    script.odd, script.deep = Odd(), []
    for _ in range(5000):
        script.deep = [script.deep]
    exec("def look(x): return odd if x else rng", vars(script))
    assert "the global 'rng'" in warned(script.look)
    exec("def look_deep(x): return deep if x < 0 else rng", vars(script))
    with pytest.raises(remotebatch.CannotSend):  # too deep to be pickled
        warned(script.look_deep)


def test_the_warning_names_the_users_line_and_nothing_is_sent_when_it_is_an_error(
    env: SubmissionEnvironment, helper: Any
) -> None:
    with pytest.raises(RandomStateWarning):
        env.map_submit(helper.draw, range(2))
    assert env.jobs() == []
    with pytest.warns(RandomStateWarning, match="helper.rng") as caught:
        array = env.map_submit(helper.draw, range(2))
    assert [each.filename for each in caught] == [__file__]
    first, second = array.results(timeout=60)
    assert first == second  # as the warning says
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env.submit(helper.draw, 1).result(60)
