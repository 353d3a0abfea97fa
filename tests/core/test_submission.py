"""What may be submitted, and what is refused before anything is stored."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import remotebatch
from remotebatch import CannotSend, Command, InvalidSetting, SubmissionEnvironment


def test_unpicklable_argument_is_named_with_its_element(env: SubmissionEnvironment) -> None:
    connection = sqlite3.connect(":memory:")

    def query(number: int, db: sqlite3.Connection) -> None: ...

    with connection_closed(connection), pytest.raises(CannotSend) as caught:
        env.map_submit(query, range(3), [1, 2, {"deep": [connection]}])
    assert "argument 'db' of element 2: db[\"deep\"][0] (sqlite3.Connection) cannot" in str(caught.value)


class connection_closed:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        self.connection.close()


def test_unpicklable_closure_is_named(env: SubmissionEnvironment) -> None:
    numbers = (number for number in range(3))

    def use() -> None:
        print(numbers)

    with pytest.raises(CannotSend, match=r"'use' uses 'numbers' of the enclosing function: .*a generator"):
        env.submit(use)
    with pytest.raises(CannotSend, match="argument 1 of the partial"):
        env.submit(partial(print, 1, numbers))


@pytest.mark.parametrize(
    ("submit", "message"),
    [
        (lambda env: env.submit(42), "42 is no function"),
        (lambda env: env.submit(Command(["true"]), 1), "takes no further arguments"),
        (lambda env: env.map_submit(print), "nothing to map over"),
        (lambda env: env.map_submit([Command(["true"]), "false"]), "element 1 is 'false'"),
        (lambda env: Command([]), "give a list of the program and its arguments"),
        (lambda env: Command("ls -l"), "give a list of the program and its arguments"),
        (lambda env: Command(["sleep", 1]), "word 1 is 1: only strings and paths"),  # type: ignore[list-item]
    ],
)
def test_what_cannot_be_run_is_refused(
    env: SubmissionEnvironment, submit: Callable[[SubmissionEnvironment], Any], message: str
) -> None:
    with pytest.raises(CannotSend, match=message):
        submit(env)


def test_chunksize_is_checked(env: SubmissionEnvironment) -> None:
    with pytest.raises(InvalidSetting, match="chunksize=0"):
        env.map_submit(print, [1], chunksize=0)


def test_unknown_providers_and_properties_are_refused() -> None:
    with pytest.raises(InvalidSetting, match=r"no provider 'Azure' is installed; installed are: .*Local"):
        SubmissionEnvironment("Azure")
    with pytest.raises(InvalidSetting, match=r"unknown property 'slot'; did you mean 'slots'"):
        SubmissionEnvironment("Local", slot=2)
    with pytest.raises(InvalidSetting, match="slots=0"):
        SubmissionEnvironment("Local", slots=0)


def test_options_leave_the_environment_as_it_is(env: SubmissionEnvironment) -> None:
    derived = env.options(vcpu_count=2).options(name="x")
    assert (derived.settings.vcpu_count, derived.settings.name) == (2, "x")
    assert env.settings.vcpu_count == 1


def test_secrets_in_the_environment_setting_are_not_shown() -> None:
    environment = SubmissionEnvironment("Local", root="/tmp/unused")
    with pytest.raises(InvalidSetting) as caught:
        environment.options(environment={"TOKEN": "s3cret", "N": 1})
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in repr(environment.options(environment={"TOKEN": "s3cret"}))


def test_module_level_functions_use_the_default_environment(env: SubmissionEnvironment) -> None:
    remotebatch.set_default_environment(env)
    try:
        assert remotebatch.submit(pow, 2, 3).result(30) == 8
        assert remotebatch.map_submit(abs, [-1, 2]).results(30) == [1, 2]
    finally:
        remotebatch.set_default_environment(None)


def test_the_same_function_is_stored_once(env: SubmissionEnvironment, root: str) -> None:
    def work(x: int) -> int:
        return x

    payload = b"x" * 1_000_000

    def carry(x: int) -> int:
        return len(payload) + x

    for _ in range(3):
        env.submit(work, 1)
    array = env.map_submit(carry, range(50))
    array.wait(60)
    functions = list(Path(root, "blobs/remotebatch-objects/functions").iterdir())
    assert len(functions) == 2
    stored = [path for path in Path(root, "blobs").rglob("*") if path.is_file() and "code" not in path.parts]
    everything = sum(path.stat().st_size for path in stored)
    assert everything < 2 * len(payload)


def test_memory_stays_bounded_for_many_elements(root: str) -> None:
    script = f"""
import resource, remotebatch
env = remotebatch.SubmissionEnvironment("Local", root={root!r}, slots=2)
env.submit(int).result()
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before = peak()
array = env.map_submit(lambda x: x, range(100_000))
print(peak() - before)
assert array.counts.total == 100_000
array.abort()
array.delete()
"""
    output = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert float(output) < 200
