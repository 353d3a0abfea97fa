"""Submissions by code that is only being imported: each would be made again wherever the code is imported."""

from __future__ import annotations

from multiprocessing import process

from remotebatch.errors import CannotSend
from remotebatch_kernel.evaluation import user_code


def refuse_while_importing() -> None:
    """Refuse to submit while a task, or a process that multiprocessing started, imports the caller's code.

    :raises CannotSend: saying what to do.
    """
    if user_code.is_being_imported():
        where = "a task imports the module that submits"
    elif getattr(process.current_process(), "_inheriting", False):
        where = "a process that multiprocessing has started imports the script that submits"
    else:
        return
    raise CannotSend(
        f"{where}, and would submit it once more: put what submits below 'if __name__ == \"__main__\":', or "
        f"into a function"
    )
