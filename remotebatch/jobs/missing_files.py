"""What to do about a file that a task did not find, although it is here."""

from __future__ import annotations

import os
import re

_MISSING = re.compile(r"^FileNotFoundError: \[Errno 2\] [^\n]*?: ('[^'\n]+'|\"[^\"\n]+\")$", re.MULTILINE)


def advice(traceback: str) -> str | None:
    """How to send the file that a remote traceback tells of, if it exists here.

    :param traceback: its text, with the paths that files have here.
    """
    for quoted in reversed(_MISSING.findall(traceback)):
        path = quoted[1:-1]
        if os.path.exists(path) and ".." not in path.split(os.sep):
            setting = "include=[{!r}]" if os.path.isabs(path) else "input_files={{{0!r}: {0!r}}}"
            remedy = setting.format(path)
            return f"{path!r} exists here, and did not in the task. This setting sends it: {remedy}"
    return None
