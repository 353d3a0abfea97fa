"""Calls as the kernels of stored jobs read them, which may be of an earlier version."""

from __future__ import annotations

from remotebatch_kernel.evaluation.task import Call


def test_a_call_without_code_and_image_is_one_of_earlier_versions() -> None:
    call = Call("function", "inputs", 0, 1, "result", 2)
    assert list(call.without_defaults().values()) == ["function", "inputs", 0, 1, "result", 2]
    assert Call(**call.without_defaults()) == call


def test_what_is_set_after_a_default_is_kept_with_it() -> None:
    call = Call("function", "inputs", 0, 1, "result", image="python")
    assert Call(*call.without_defaults().values()) == call
