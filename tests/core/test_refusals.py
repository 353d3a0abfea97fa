"""What cannot be sent, or asked for, is refused at once, in words."""

from __future__ import annotations

import pytest

from remotebatch import CannotSend, Command, InvalidSetting, SubmissionEnvironment


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
