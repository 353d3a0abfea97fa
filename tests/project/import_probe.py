"""Imports modules one after another and prints what each did besides, as JSON: ``ROOTS MODULE...``.

An event counts for the module of ours that is being executed, also if it happens in a library's function that
the module calls; not if it happens while that library is being imported itself.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
from collections import defaultdict
from typing import Any

ROOTS = sys.argv[1].split(",")
CODE = (".py", ".pyc", ".so")
STARTS = ("os.fork", "os.posix_spawn", "socket.__new__", "subprocess.Popen")

found: defaultdict[str, list[str]] = defaultdict(list)


def importing() -> str | None:
    """The module of ours whose import is the innermost one that is under way."""
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_name == "<module>":
            name = str(frame.f_globals.get("__name__", ""))
            return name if name.partition(".")[0] in ROOTS else None
        frame = frame.f_back  # type: ignore[assignment]
    return None


def hear(event: str, arguments: tuple[Any, ...]) -> None:
    """Note an event of the interpreter."""
    if event == "open":
        path = arguments[0]
        is_code = isinstance(path, (str, bytes)) and os.fsdecode(path).endswith(CODE)
        if not is_code and (name := importing()):
            found[name].append(f"opens {path!r}")
    elif event in STARTS and (name := importing()):
        found[name].append(event)


def descriptors() -> dict[str, str]:
    """Number → target of each open descriptor."""
    targets = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            targets[name] = os.readlink(f"/proc/self/fd/{name}")
        except OSError:  # the descriptor of the listing itself
            continue
    return targets


sys.addaudithook(hear)
open_before = descriptors()
threads_before = threading.enumerate()
for module in sys.argv[2:]:
    importlib.import_module(module)
    open_after, threads_after = descriptors(), threading.enumerate()
    started = [thread.name for thread in threads_after if thread not in threads_before]
    found[module] += [f"{open_after[name]} stays open" for name in open_after.keys() - open_before.keys()]
    found[module] += [
        f"thread {thread.name} runs" for thread in threads_after if thread not in threads_before
    ]
    open_before, threads_before = open_after, threads_after
json.dump({name: events for name, events in found.items() if events}, sys.stdout)
