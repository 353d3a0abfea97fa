"""Where to run: a provider, its properties, and the settings of the jobs submitted to it."""

from __future__ import annotations

import inspect
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from subprocess import CompletedProcess
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, TypeVar, overload

from remotebatch.command import Command
from remotebatch.errors import CannotSend, InvalidSetting, ProviderError
from remotebatch.jobs.array import ArrayJob
from remotebatch.jobs.task import SingleJob
from remotebatch.packing.call import pack_call
from remotebatch.packing.call_text import short
from remotebatch.packing.functions import CodeSettings
from remotebatch.packing.importing import refuse_while_importing
from remotebatch.packing.inputs import Element, pack_commands
from remotebatch.pools import Pool
from remotebatch.provider import JobRecord, Submission
from remotebatch.provider.plugins import provider_class
from remotebatch.provider.variables import JOB_ID_VARIABLE
from remotebatch.settings import JobSettings
from remotebatch.status import JobType
from remotebatch.tracking.client import Client
from remotebatch.tracking.tracker import Tracker
from remotebatch.validation import check

if TYPE_CHECKING:
    from typing_extensions import Self

Params = ParamSpec("Params")
Result = TypeVar("Result")


class SubmissionEnvironment:
    """A place to submit jobs to.

    :param provider: name of an installed provider; "Local" runs on this machine.
    :param properties: properties of the provider, checked at once.
    :raises InvalidSetting: if the provider or a property is unknown, or a value is not allowed.
    """

    _default: ClassVar[SubmissionEnvironment | None] = None

    def __init__(self, provider: str = "Local", **properties: Any) -> None:
        self._client = Client(provider_class(provider)(**properties))
        self._settings: JobSettings = self._client.provider.settings_type()

    @property
    def provider(self) -> str:
        """Name of the provider."""
        return self._client.provider_name

    @property
    def properties(self) -> dict[str, Any]:
        """The provider's properties, without secrets."""
        return self._client.provider_properties

    @property
    def settings(self) -> JobSettings:
        """The settings that jobs submitted here get."""
        return self._settings

    @property
    def pool(self) -> Pool:
        """The pool that jobs run on.

        :raises ProviderError: if the provider has no pools.
        """
        pools = self._client.provider.pools
        if pools is None:
            raise ProviderError(f"the {self.provider} provider has no pools to manage")
        return pools.default

    def close(self) -> None:
        """Close the connections to the provider, and stop watching its jobs, which go on.

        Environments derived by :meth:`options` share them, and are closed too. Afterwards they and their
        job objects raise ``ProviderError``. Repeating it is harmless.
        """
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def options(self, **settings: Any) -> SubmissionEnvironment:
        """A derived environment with other job settings; this one stays as it is.

        :param settings: see :class:`~remotebatch.JobSettings` and the provider's own.
        :raises InvalidSetting: if one is unknown, of a wrong type or out of range, naming what is allowed.
        """
        kind = self._client.provider.settings_type
        known = {name: getattr(self._settings, name) for name in kind.__struct_fields__}
        checked = check(kind, {**known, **settings}, "setting")
        if JOB_ID_VARIABLE not in os.environ:  # a task may never use it, and is not to ask in vain
            self._client.provider.check(checked)
        derived = object.__new__(SubmissionEnvironment)
        derived._client, derived._settings = self._client, checked
        return derived

    @overload
    def submit(self, function: Command, /) -> SingleJob[CompletedProcess[str]]: ...
    @overload
    def submit(
        self, function: Callable[Params, Result], /, *args: Params.args, **kwargs: Params.kwargs
    ) -> SingleJob[Result]: ...
    def submit(self, function: Callable[..., Any] | Command, /, *args: Any, **kwargs: Any) -> SingleJob[Any]:
        """Send one call and return at once.

        :param function: any callable, or a :class:`~remotebatch.Command`.
        :param args: its positional arguments.
        :param kwargs: its keyword arguments.
        :raises CannotSend: naming what cannot be pickled, before anything is stored.
        :raises ProviderError: if the provider refuses the job.
        """
        if isinstance(function, Command):
            if args or kwargs:
                raise CannotSend("a Command takes no further arguments: put them into its list")
            return SingleJob(self, self._submit_commands(JobType.SINGLE, [function]))
        return SingleJob(self, self._submit_calls(JobType.SINGLE, function, [(args, kwargs)], 1, None))

    @overload
    def map_submit(self, function: Iterable[Command], /) -> ArrayJob[CompletedProcess[str]]: ...
    @overload
    def map_submit(
        self,
        function: Callable[..., Result],
        /,
        *iterables: Iterable[Any],
        chunksize: int = 1,
        initializer: Callable[[], Any] | None = None,
    ) -> ArrayJob[Result]: ...
    def map_submit(
        self,
        function: Callable[..., Any] | Iterable[Command],
        /,
        *iterables: Iterable[Any],
        chunksize: int = 1,
        initializer: Callable[[], Any] | None = None,
    ) -> ArrayJob[Any]:
        """Send one function over many elements and return at once.

        :param function: any callable; or an iterable of :class:`~remotebatch.Command`, one a child.
        :param iterables: its arguments, zipped as :meth:`concurrent.futures.Executor.map` does.
        :param chunksize: elements to a child, each child a contiguous span.
        :param initializer: called once in each child before its elements.
        :raises CannotSend: naming what cannot be pickled, before anything is stored.
        :raises ProviderError: if the provider refuses the job.
        """
        if not callable(function):
            if iterables or chunksize != 1 or initializer is not None:
                raise CannotSend("an array of commands takes an iterable of Command and nothing else")
            return ArrayJob(self, self._submit_commands(JobType.ARRAY, function))
        if not iterables:
            raise CannotSend(f"map_submit({short(function)}): nothing to map over")
        if not isinstance(chunksize, int) or chunksize < 1:
            raise InvalidSetting(f"chunksize={chunksize!r}: expected an integer of at least 1")
        elements: Iterator[Element] = ((args, {}) for args in zip(*iterables))
        return ArrayJob(self, self._submit_calls(JobType.ARRAY, function, elements, chunksize, initializer))

    def jobs(self, type: JobType | str | None = None) -> list[SingleJob[Any] | ArrayJob[Any]]:  # noqa: A002
        """Single and Array jobs at the provider, newest first, never children.

        :param type: only jobs of this type.
        """
        if type not in (None, *JobType, *(kind.value for kind in JobType)):
            raise InvalidSetting(f"type={type!r}: expected 'Single', 'Array' or None")
        wanted = None if type is None else JobType(type)
        return [
            self._attach(listing.record, listing.finished)
            for listing in self._client.provider.jobs()
            if wanted in (None, listing.record.type)
        ]

    def job(self, job_id: str) -> SingleJob[Any] | ArrayJob[Any]:
        """Attach to a job by its id, from any process.

        :raises JobNotFound: if the provider knows no such job.
        """
        return self._attach(self._client.provider.job(str(job_id)), finished=False)

    def job_of(self, record: JobRecord) -> SingleJob[Any] | ArrayJob[Any]:
        """The job object of a record, without asking the provider."""
        tracker = self._client.tracker(record)
        return SingleJob(self, tracker) if record.type is JobType.SINGLE else ArrayJob(self, tracker)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what it takes to make it again: no connection, and no credentials, which are looked up."""
        given = {name: value for name, value in self.properties.items() if value is not None}
        return _rebuild, (self.provider, given, self._settings)

    def __repr__(self) -> str:
        shown = [f"{name}={value!r}" for name, value in self.properties.items() if value is not None]
        return f"SubmissionEnvironment({', '.join([repr(self.provider), *shown])})"

    def _attach(self, record: JobRecord, finished: bool) -> SingleJob[Any] | ArrayJob[Any]:
        tracker = self._client.tracker(record)
        if tracker.finished and not finished and record.task_count:
            tracker.poll_now()
        return self.job_of(record)

    def _submit_calls(
        self,
        kind: JobType,
        function: Callable[..., Any],
        elements: Iterable[Element],
        chunksize: int,
        initializer: Callable[[], Any] | None,
    ) -> Tracker:
        refuse_while_importing()
        if not callable(function):
            raise CannotSend(f"{short(function)} is no function and no Command")
        if inspect.iscoroutinefunction(function):
            raise CannotSend(
                f"{short(function)} is a coroutine function: send a function that calls asyncio.run on it"
            )
        settings = self._settings
        code = CodeSettings(settings.include_definitions, settings.include, settings.exclude)
        packed, inputs = pack_call(function, elements, initializer, code)
        return self._send(
            Submission(
                id=str(uuid.uuid4()),
                type=kind,
                name=self._settings.name or packed.name,
                settings=self._settings,
                inputs=inputs,
                chunksize=chunksize,
                function=packed,
            )
        )

    def _submit_commands(self, kind: JobType, commands: Iterable[Command]) -> Tracker:
        refuse_while_importing()
        iterator = iter(commands)
        first = next(iterator, None)
        inputs = pack_commands([] if first is None else chain([first], iterator))
        return self._send(
            Submission(
                id=str(uuid.uuid4()),
                type=kind,
                name=self._settings.name or (first.name if first else "commands"),
                settings=self._settings,
                inputs=inputs,
                chunksize=1,
                function=None,
            )
        )

    def _send(self, submission: Submission) -> Tracker:
        try:
            self._client.provider.check(submission.settings)
            return self._client.tracker(self._client.provider.submit(submission))
        finally:
            submission.inputs.close()


def _rebuild(provider: str, properties: dict[str, Any], settings: JobSettings) -> SubmissionEnvironment:
    """An environment out of its pickle."""
    environment = SubmissionEnvironment(provider, **properties)
    environment._settings = settings
    return environment


def set_default_environment(environment: SubmissionEnvironment | None) -> None:
    """Choose the environment of the module-level ``submit`` and ``map_submit``; None for Local again."""
    SubmissionEnvironment._default = environment


def default_environment() -> SubmissionEnvironment:
    """The environment chosen with :func:`set_default_environment`, or else one for "Local"."""
    if SubmissionEnvironment._default is None:
        SubmissionEnvironment._default = SubmissionEnvironment("Local")
    return SubmissionEnvironment._default


@overload
def submit(function: Command, /) -> SingleJob[CompletedProcess[str]]: ...
@overload
def submit(
    function: Callable[Params, Result], /, *args: Params.args, **kwargs: Params.kwargs
) -> SingleJob[Result]: ...
def submit(function: Callable[..., Any] | Command, /, *args: Any, **kwargs: Any) -> SingleJob[Any]:
    """:meth:`SubmissionEnvironment.submit` in the default environment."""
    send: Callable[..., SingleJob[Any]] = default_environment().submit
    return send(function, *args, **kwargs)


@overload
def map_submit(function: Iterable[Command], /) -> ArrayJob[CompletedProcess[str]]: ...
@overload
def map_submit(
    function: Callable[..., Result],
    /,
    *iterables: Iterable[Any],
    chunksize: int = 1,
    initializer: Callable[[], Any] | None = None,
) -> ArrayJob[Result]: ...
def map_submit(function: Any, /, *iterables: Iterable[Any], **options: Any) -> ArrayJob[Any]:
    """:meth:`SubmissionEnvironment.map_submit` in the default environment."""
    return default_environment().map_submit(function, *iterables, **options)
