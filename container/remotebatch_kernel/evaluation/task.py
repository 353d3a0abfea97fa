"""One task: read, evaluate, write. The header of its result records how the evaluation went."""

from __future__ import annotations

import json
import linecache
import os
import resource
import sys
import time
import warnings
from functools import partial
from typing import Any, NamedTuple

from remotebatch_kernel.evaluation import function, result, user_code
from remotebatch_kernel.evaluation.failure import KernelFailure
from remotebatch_kernel.evaluation.unreadable import Place, RaisedAtImport, explained
from remotebatch_kernel.formats import envelope, exit_codes, inputs
from remotebatch_kernel.formats.inputs import Element
from remotebatch_kernel.system import fork_handlers, sigterm
from remotebatch_kernel.system.sigterm import Terminated

JOB_OUTPUT = "JobOutput"
ELEMENT_VARIABLES = ("REMOTEBATCH_PROCESS", "REMOTEBATCH_ELEMENT_INDEX")
"""Environment variables with the id of the task's process, and the index of the element that it evaluates."""
_MOST_WARNINGS = 100
_LONGEST_MESSAGE = 10_000
"""Characters of a message in a result's header, which is read alone to learn why a task failed."""


class Call(NamedTuple):
    """What to evaluate and where its result goes; travels as JSON."""

    function: str
    """Path of the function object."""
    inputs: str
    """Path of the inputs object."""
    first: int
    """Index of the first element of this task's span."""
    length: int
    """Elements in the span."""
    result: str
    """Path of the result object to write; its directory exists."""
    attempt: int = 1
    code: str = ""
    """Tree of the function's code package; empty if it has none."""
    image: str = ""
    """The container image that the task runs in; empty for a process."""

    def without_defaults(self) -> dict[str, Any]:
        """Its fields up to the last that is set, which is what the kernels of earlier versions take."""
        fields = self._asdict()
        for name in reversed(self._fields):
            if name not in self._field_defaults or fields[name] != self._field_defaults[name]:
                break
            del fields[name]
        return fields

    @classmethod
    def from_json(cls, text: str) -> Call:
        """Read a call as it was written on a command line."""
        return cls(**json.loads(text))


def run_call(call: Call) -> int:
    """Evaluate one call in this process and store its result.

    :returns: the exit code, from :mod:`remotebatch_kernel.formats.exit_codes` or the user's ``sys.exit``.
    """
    evaluation = _Evaluation(call)
    try:
        code = evaluation.run()
    except Terminated:
        code = exit_codes.TERMINATED
    except KernelFailure as failure:
        message = user_code.at_client(failure.message)
        print(f"remotebatch: {message}", file=sys.stderr)
        code = evaluation.store_failure(failure.failure_type, message, failure.exit_code)
    except MemoryError:
        code = evaluation.store_failure(
            "OutOfMemory", "MemoryError: the task ran out of memory", exit_codes.OUT_OF_MEMORY
        )
    flush_streams()
    return code


def fail_call(call: Call, failure: KernelFailure) -> int:
    """Store why a call cannot be evaluated on this machine.

    :returns: the exit code.
    """
    print(f"remotebatch: {failure.message}", file=sys.stderr)
    code = _Evaluation(call).store_failure(failure.failure_type, failure.message, failure.exit_code)
    flush_streams()
    return code


class _Evaluation:
    def __init__(self, call: Call) -> None:
        self.call = call
        self.warnings: list[dict[str, Any]] = []
        self.input_string = ""
        self._is_loaded = False
        self.started_at = time.time()
        self._wall = time.perf_counter()
        self._cpu = time.process_time() + _children_seconds()

    def run(self) -> int:
        os.environ[ELEMENT_VARIABLES[0]] = str(os.getpid())
        os.environ[ELEMENT_VARIABLES[1]] = str(self.call.first)
        warnings.showwarning = partial(self._record_warning, warnings.showwarning)
        try:
            called = function.load(self.call.function, self.call.code, self.call.image)
            elements = self._elements(called)
        except RaisedAtImport as raised:
            return self._fail_at_import(raised.error)
        self.input_string = _input_string(called.name, elements)
        self._is_loaded = True
        self.started_at = time.time()
        self._wall, self._cpu = time.perf_counter(), time.process_time() + _children_seconds()
        outcomes: list[tuple[Any, ...]] = []
        try:
            if called.initializer is not None:
                called.initializer()
            for position, element in enumerate(elements, self.call.first):
                os.environ[ELEMENT_VARIABLES[1]] = str(position)
                outcomes.append(self._evaluate(called, element, position))
        except Terminated:
            raise
        except SystemExit as end:
            return self._exit_early(end, outcomes)
        except BaseException as error:  # raised by the initializer; elements keep their own
            outcomes = [result.error_outcome(error)] * len(elements)
            print(outcomes[0][4], end="", file=sys.stderr)
        return self._store(outcomes)

    def store_failure(self, failure_type: str, message: str, code: int) -> int:
        """Store that there is no value and why; the exit code alone must do if that fails too."""
        header = self._header(success=False, failure_type=failure_type, message=message)
        return self._write(envelope.pack(header, b""), code)

    def _elements(self, called: function.Function) -> list[Element]:
        span = self.call.inputs, self.call.first, self.call.length
        try:
            with user_code.being_imported():
                elements = inputs.read_span(*span)
                user_code.import_registered()  # by what the arguments need
                return elements
        except BaseException as error:  # unpickling runs whatever the user's modules and classes define
            what = f"an argument of function {called.name}"
            place = Place(what, exit_codes.INPUT_UNREADABLE, self.call.image, called.unsent)
            raise explained(error, place, lambda loads: inputs.read_span(*span, loads)) from None

    def _record_warning(
        self,
        show: Any,
        message: Any,
        category: Any,
        filename: str,
        lineno: int,
        file: Any = None,
        line: str | None = None,
    ) -> None:
        if line is None:
            line = linecache.getline(filename, lineno)
        filename = user_code.at_client(filename)
        if self._is_loaded and len(self.warnings) < _MOST_WARNINGS:
            self.warnings.append(
                {
                    "category": category.__name__,
                    "message": _shortened(str(message)),
                    "filename": filename,
                    "lineno": lineno,
                }
            )
        show(message, category, filename, lineno, file, line)

    def _evaluate(self, called: function.Function, element: Element, index: int) -> tuple[Any, ...]:
        try:
            return ("value", called.call(*element.args, **element.kwargs))
        except Terminated:
            raise
        except SystemExit as end:
            if end.code:
                raise
            return ("value", None)  # a clean exit is a return
        except BaseException as error:  # the user's, of any kind, kept to be raised at the client
            shown = f"element {index}: {called.name}({element.text})"
            outcome = result.error_outcome(error, shown if self._is_one_of_several() else "")
            print(outcome[4], end="", file=sys.stderr)
            return outcome

    def _is_one_of_several(self) -> bool:
        try:
            return inputs.count_of(self.call.inputs) > 1
        except (OSError, ValueError):  # what the user's code has done to the file
            return False

    def _fail_at_import(self, error: BaseException) -> int:
        """A module that raises is the user's error, as it would be where they import it."""
        if isinstance(error, SystemExit):
            return self._exit_early(error, [], "a module, as it was imported,")
        outcome = result.error_outcome(error)
        print(outcome[4], end="", file=sys.stderr)
        return self._store([outcome] * self.call.length)

    def _store(self, outcomes: list[tuple[Any, ...]]) -> int:
        errors = [outcome for outcome in outcomes if outcome[0] == "error"]
        if not errors:
            header = self._header(success=True, failure_type=None, message="")
            return self._write(result.pack(header, outcomes, self.call.first), exit_codes.SUCCESS)
        out_of_memory = any(error[2] == "MemoryError" for error in errors)
        header = self._header(
            success=False,
            failure_type="OutOfMemory" if out_of_memory else "UserException",
            message=errors[0][3],
        )
        code = exit_codes.OUT_OF_MEMORY if out_of_memory else exit_codes.USER_EXCEPTION
        return self._write(result.pack(header, outcomes, self.call.first), code)

    def _exit_early(
        self, end: SystemExit, outcomes: list[tuple[Any, ...]], what: str = "the function"
    ) -> int:
        """``sys.exit(n)`` in the user's code: n is the task's exit code; what came before it is kept."""
        code = end.code if isinstance(end.code, int) else 1
        if not isinstance(end.code, int):
            print(end.code, file=sys.stderr)
        message = f"{what} called sys.exit({end.code!r})"
        header = self._header(success=False, failure_type="NonZeroExit", message=message)
        missing = [("missing",)] * (self.call.length - len(outcomes))
        return self._write(result.pack(header, outcomes + missing, self.call.first), code & 0xFF or 1)

    def _header(self, success: bool, failure_type: str | None, message: str) -> dict[str, Any]:
        return {
            **result.BASE_HEADER,
            "success": success,
            "failure_type": failure_type,
            "message": _shortened(message),
            "input_string": self.input_string,
            "warnings": self.warnings,
            "timing": time.process_time() + _children_seconds() - self._cpu,
            "absolute_timing": time.perf_counter() - self._wall,
            "started_at": self.started_at,
            "attempt": self.call.attempt,
        }

    def _write(self, data: bytes, code: int) -> int:
        try:
            envelope.write_atomically(self.call.result, data)
        except OSError as error:
            print(f"remotebatch: the result could not be stored: {error}", file=sys.stderr)
            return code if code != exit_codes.SUCCESS else exit_codes.RESULT_UNWRITABLE
        return code


def _input_string(name: str, elements: list[Element]) -> str:
    if not elements:
        return f"{name}()"
    more = f" and {len(elements) - 1} more" if len(elements) > 1 else ""
    return f"{name}({elements[0].text}){more}"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]}…"


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def flush_streams() -> None:
    """Flush what the user's code has left of the standard streams; it may have closed or replaced them."""
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        try:
            stream.flush()  # type: ignore[union-attr]
        except (OSError, ValueError, AttributeError):
            continue


def prepare_process() -> None:
    """Set up the streams and the handling of SIGTERM; once in a process, or in the one it is forked from."""
    sigterm.heed()
    fork_handlers.register(**sigterm.FORK_HANDLERS)
    for stream in (sys.stdout, sys.stderr):
        # a line at a time, so that a log can be followed
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
