"""Command lines: how the node makes a program and its arguments out of one, without a shell."""

from __future__ import annotations

import shlex

from azurebatch_emulator.protocol.failures import TaskFailure


def split(command_line: str) -> list[str]:
    """Take a command line apart.

    Quotes and backslashes mean what they mean to a POSIX shell. Nothing else does: variables, wildcards,
    pipes and comments reach the program as they stand, as on Azure, where a task that wants them calls
    `/bin/sh -c "..."`.

    :raises TaskFailure: if there is no program in it, or a quotation does not end.
    """
    try:
        words = shlex.split(command_line)
    except ValueError as error:
        raise TaskFailure("CommandLaunchFailed", CommandLine=command_line, Message=str(error)) from error
    if not words or not words[0]:
        raise TaskFailure("CommandLaunchFailed", CommandLine=command_line, Message="It names no program")
    return words
