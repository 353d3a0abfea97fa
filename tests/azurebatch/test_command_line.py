"""How a command line becomes a program and its arguments."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azurebatch_emulator.execution.command_line import split
from azurebatch_emulator.protocol.failures import TaskFailure
from azurebatch_emulator.protocol.models.common import ErrorCategory


@pytest.mark.parametrize(
    ("command_line", "words"),
    [
        ("python3 -V", ["python3", "-V"]),
        ("  spaced \t out\n", ["spaced", "out"]),
        ("/bin/sh -c 'echo $HOME'", ["/bin/sh", "-c", "echo $HOME"]),
        ('/bin/bash -c "echo \\"a b\\" > out.txt"', ["/bin/bash", "-c", 'echo "a b" > out.txt']),
        ("echo \"hello 'world'\"", ["echo", "hello 'world'"]),
        ("echo ''", ["echo", ""]),
        ("echo a\\ b", ["echo", "a b"]),
        ("echo $AZ_BATCH_POOL_ID *.txt ~", ["echo", "$AZ_BATCH_POOL_ID", "*.txt", "~"]),
        ("echo a | cat && true > x; # no", ["echo", "a", "|", "cat", "&&", "true", ">", "x;", "#", "no"]),
    ],
)
def test_quotes_and_backslashes_count_and_nothing_else(command_line: str, words: list[str]) -> None:
    assert split(command_line) == words


@pytest.mark.parametrize(
    "command_line", ["", "  \t\n", "''", "echo 'unfinished", 'echo "unfinished', "echo \\"]
)
def test_what_names_no_program_or_does_not_end_is_refused(command_line: str) -> None:
    with pytest.raises(TaskFailure) as caught:
        split(command_line)
    assert caught.value.code == "CommandLaunchFailed"
    assert caught.value.category is ErrorCategory.USER_ERROR
    assert caught.value.details["CommandLine"] == command_line


@given(st.lists(st.text(st.characters(exclude_characters="\0")), min_size=1).filter(lambda words: words[0]))
def test_quoted_words_come_back(words: list[str]) -> None:
    assert split(shlex.join(words)) == words


def test_it_runs_as_from_a_shell() -> None:
    command_line = """/bin/sh -c 'printf "%s|" "$1" "$2"' zero "one 1" two\\ 2"""
    from_a_shell = subprocess.run(command_line, shell=True, capture_output=True, check=True).stdout
    assert subprocess.run(split(command_line), capture_output=True, check=True).stdout == from_a_shell
