"""Which modules may be imported ahead of the fork, because no task can notice it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import remotebatch_kernel

SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from remotebatch_kernel.fork_server.watch import Watch
{before}
with Watch((sys.argv[1], sys.prefix, sys.base_prefix)) as watch:
    import module
print(watch.noticed, file=sys.__stderr__)
"""
UNNOTICED = {
    "definitions": "import dataclasses, enum\n@dataclasses.dataclass(slots=True)\nclass A:\n    x: int = 1",
    "a registry": "TABLE = {}\ndef register(f):\n    TABLE[f.__name__] = f\n@register\ndef f(): pass",
    "a lock": "import threading\nLOCK = threading.Lock()",
    "a pattern": "import re\nWORD = re.compile(r'\\w+')",
    "a context": "import decimal\ndecimal.getcontext().prec = 5",
    "data beside it": "from pathlib import Path\nDATA = (Path(__file__).parent / 'data.txt').read_text()",
    "a module of its own": "import other",
    "a logger": "import logging\nlog = logging.getLogger(__name__)",
    "files beside it": "import os\nX = [e.is_file() for e in os.scandir(os.path.dirname(__file__))]",
    "a frame": "import collections\nPoint = collections.namedtuple('Point', 'x y')",
}
NOTICED = {
    "the time": "import time\nSTART = time.time()",
    "the date": "import datetime\nTODAY = datetime.date.today()",
    "the process": "import os\nPID = os.getpid()",
    "the directory": "import os\nHERE = os.getcwd()",
    "a relative file": "DATA = open('data.txt').read()",
    "a file elsewhere": "import os\nDATA = open(f'/proc/{1}/stat').read()",
    "a file that it writes": "from pathlib import Path\n(Path(__file__).parent / 'log').write_text('x')",
    "a variable": "import os\nDEBUG = os.environ.get('DEBUG')",
    "a variable by getenv": "import os\nDEBUG = os.getenv('DEBUG')",
    "all variables": "import os\nALL = dict(os.environ)",
    "a variable that it sets": "import os\nos.environ['X'] = '1'",
    "a random number": "import random\nX = random.random()",
    "a generator": "import random\nX = random.Random()",
    "random bytes": "import os\nX = os.urandom(4)",
    "a random id": "import uuid\nX = uuid.uuid4()",
    "an id of the time": "import uuid\nX = uuid.uuid1()",
    "random bytes of a library": "import ssl\nX = ssl.RAND_bytes(4)",
    "numpy's global generator": "import numpy\nX = numpy.random.rand()",
    "numpy's own generator": "import numpy\nX = numpy.random.default_rng()",
    "what it prints": "print('hello')",
    "what it writes to a stream": "import sys\nsys.stdout.write('hello')",
    "a warning": "import warnings\nwarnings.warn('old')",
    "a thread": "import threading\nthreading.Thread(target=int).start()",
    "a program": "import subprocess\nsubprocess.run(['true'])",
    "a socket": "import socket\nsocket.socket().close()",
    "a handler": "import atexit\natexit.register(int)",
    "a signal": "import signal\nsignal.signal(signal.SIGUSR1, signal.SIG_IGN)",
    "the time by a class of its own": "import datetime\nclass D(datetime.datetime): pass\nX = D.now()",
    "numpy's time": "import numpy\nX = numpy.datetime64('now')",
    "an id made of the time": "import uuid\nX = uuid.uuid1()",
    "the time, unwatched": "import sys, time\nsys.setprofile(None)\nX = time.time()",
    "a tracer": "import sys\nsys.settrace(lambda *_: None)",
    "bytes that it writes to a stream": "import sys\nsys.stdout.buffer.write(b'hello')",
    "bytes that it writes to a descriptor": "import os\nos.write(1, b'hello')",
    "the thread": "import threading\nX = threading.get_native_id()",
    "its group": "import os\nX = os.getpgrp()",
    "a link": "import os\nX = os.readlink('/proc/self')",
    "its priority": "import os\nos.setpriority(os.PRIO_PROCESS, 0, 5)",
    "a function of the C library": "import ctypes\nX = ctypes.CDLL(None).getpid()",
    "random bytes of ssl": "import ssl\nX = ssl.RAND_bytes(4)",
    "a function of the system that it replaces": "import os\nos.fork = lambda: 0",
    "a builtin that it replaces": "import builtins\nbuiltins.len = lambda _: 0",
    "a stream that it replaces": "import io, sys\nsys.stdout = io.StringIO()",
    "what it searches": "import sys\nsys.path.append('folder')",
    "a folder elsewhere, by a detour": "import os\nX = os.listdir(os.path.dirname(__file__) + '/..')",
}
BEFORE = "import datetime, decimal, logging, numpy, random, re, socket, ssl, subprocess, threading, uuid"
"""As a fork server does with what the user's modules import."""


def noticed(directory: Path, source: str) -> str:
    """What is noticed of a module."""
    (directory / "module.py").write_text(source)
    (directory / "other.py").write_text("X = 1\n")
    (directory / "data.txt").write_text("data\n")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(before=BEFORE), str(directory)],
        capture_output=True,
        text=True,
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(Path(remotebatch_kernel.__file__).parents[1])},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize("source", UNNOTICED.values(), ids=UNNOTICED.keys())
def test_what_no_task_can_notice(tmp_path: Path, source: str) -> None:
    assert noticed(tmp_path, source) == "None"


@pytest.mark.parametrize("source", NOTICED.values(), ids=NOTICED.keys())
def test_what_a_task_would_notice(tmp_path: Path, source: str) -> None:
    assert noticed(tmp_path, source) != "None"
