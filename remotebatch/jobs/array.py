"""An array job: one function over many elements."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from remotebatch.jobs.base import Job
from remotebatch.jobs.prefetch import ahead
from remotebatch.jobs.task import ArrayChildJob
from remotebatch.provider import Counts
from remotebatch.status import JobStatus, JobType
from remotebatch.tracking.waiting import wait_until
from remotebatch.views import text

if TYPE_CHECKING:
    from typing_extensions import Self

Result = TypeVar("Result", covariant=True)


class ArrayJob(Job["list[Result]"], Sequence[ArrayChildJob[Result]]):
    """Many evaluations of one function. A sequence of its children."""

    type = JobType.ARRAY

    @property
    def id(self) -> str:
        """remotebatch's id of the job, a UUID; the provider has its own."""
        return self._tracker.record.id

    def __len__(self) -> int:
        return self._tracker.task_count

    @overload
    def __getitem__(self, index: int) -> ArrayChildJob[Result]: ...
    @overload
    def __getitem__(self, index: slice) -> list[ArrayChildJob[Result]]: ...
    def __getitem__(self, index: int | slice) -> ArrayChildJob[Result] | list[ArrayChildJob[Result]]:
        chosen = range(len(self))[index]  # normalises, and refuses what is out of range
        if isinstance(chosen, range):
            return [ArrayChildJob(self, position) for position in chosen]
        return ArrayChildJob(self, chosen)

    @property
    def provider_first_task_id(self) -> str:
        """The provider's id of the first child's task: "10000001"."""
        return self._tracker.provider.task_id(self._tracker.record, 0)

    @property
    def status_reason(self) -> str | None:
        """How many children failed, and why the first of them did; while none has, why one waits.

        None where there is nothing to say.
        """
        self._tracker.refresh()
        tasks = self._tracker.tasks()
        failed = [task.index for task in tasks if task.status is JobStatus.FAILED]
        if not failed:
            return next((task.reason for task in tasks if not task.status.final and task.reason), None)
        first = self._tracker.explained(failed[0])
        return (
            f"{len(failed)} of {len(self)} children failed; child {first.index}: "
            f"{first.failure_type}: {first.reason}"
        )

    @property
    def counts(self) -> Counts:
        """How many children are in each status."""
        return self._tracker.counts()

    @property
    def child_statuses(self) -> list[JobStatus]:
        """Status of each child."""
        self._tracker.refresh()
        return [task.status for task in self._tracker.tasks()]

    @property
    def child_exit_codes(self) -> list[int | None]:
        """Exit code of each child."""
        self._tracker.refresh()
        return [task.exit_code for task in self._tracker.tasks()]

    @property
    def child_status_reasons(self) -> list[str | None]:
        """Status reason of each child."""
        self._tracker.refresh()
        return [task.reason for task in self._tracker.explained_tasks(range(len(self)))]

    @overload
    def results(
        self, timeout: float | None = None, return_exceptions: Literal[False] = False
    ) -> list[Result]: ...
    @overload
    def results(
        self, timeout: float | None = None, *, return_exceptions: bool
    ) -> list[Result | BaseException]: ...
    @overload
    def results(self, timeout: float | None, return_exceptions: bool) -> list[Result | BaseException]: ...
    def results(self, timeout: float | None = None, return_exceptions: bool = False) -> list[Any]:
        """Wait for the children and return all values as one flat list, in input order.

        :param timeout: the longest to wait, in seconds.
        :param return_exceptions: put exceptions in their places in the list, in place of raising the
            first.
        :raises Exception: what the function raised for the first element, in input order, that failed.
        :raises JobFailed: if that element's child failed otherwise.
        :raises TimeoutError: if the array has not ended in time; the children go on.
        """
        return list(self.iter_results(timeout, return_exceptions))

    @overload
    def iter_results(
        self, timeout: float | None = None, return_exceptions: Literal[False] = False
    ) -> Generator[Result, None, None]: ...
    @overload
    def iter_results(
        self, timeout: float | None = None, *, return_exceptions: bool
    ) -> Generator[Result | BaseException, None, None]: ...
    @overload
    def iter_results(
        self, timeout: float | None, return_exceptions: bool
    ) -> Generator[Result | BaseException, None, None]: ...
    def iter_results(
        self, timeout: float | None = None, return_exceptions: bool = False
    ) -> Generator[Any, None, None]:
        """Yield the values one by one, in input order, each as soon as its child and those before have ended.

        Values are read ahead of being asked for, a bounded number of them; closing the iterator ends that.

        :param timeout: the longest to wait for all of them, in seconds.
        :param return_exceptions: yield exceptions in their places, in place of raising the first.
        :raises Exception: as :meth:`results` does, when it comes to that element.
        """
        with closing(self._in_order(timeout, explain_all=return_exceptions)) as children:
            for child in children:
                if not return_exceptions and (error := child.exception(timeout)) is not None:
                    raise error
                yield from child.outcomes()

    def as_completed(
        self, timeout: float | None = None, with_results: bool = False
    ) -> Generator[ArrayChildJob[Result], None, None]:
        """Yield each child as it ends, well or badly.

        :param timeout: the longest to wait for all of them, in seconds.
        :param with_results: read the results of children that have ended together, so that
            ``child.result()`` costs no query of its own.
        :raises TimeoutError: if not all have ended in time.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        completed, seen, position = self._tracker.completed, set[int](), 0
        while len(seen) < len(self):
            more = partial(_longer_than, completed, position)
            if not wait_until([self._tracker], more, _remaining(deadline)):
                raise TimeoutError(f"{len(self) - len(seen)} of {len(self)} children are still in progress")
            news = completed[position:]
            position += len(news)
            ended = [index for index in dict.fromkeys(news) if index not in seen]
            seen.update(ended)
            yield from self._with_results(ended, explain_all=True) if with_results else self._children(ended)

    def progress(self) -> Self:
        """Show a bar, in a terminal or a notebook, until the array has completed.

        Interrupting it leaves the job running.

        :returns: the job.
        """
        from remotebatch.views.progress import show  # rich's progress bars are loaded only for this

        def wait(timeout: float | None) -> bool:
            return wait_until([self._tracker], self._known_done, timeout)

        show(self.name, len(self), wait, self._tracker.counts)
        return self

    def delete(self) -> None:
        """End the job if need be and remove all that is stored of it."""
        self._delete()

    def properties(self) -> dict[str, Any]:
        """All of the job's properties in one dict."""
        return self._common_properties() | {
            "provider_first_task_id": self.provider_first_task_id,
            "child_count": len(self),
            "element_count": self._tracker.record.element_count,
            "chunksize": self._tracker.record.chunksize,
            "counts": self.counts,
            "child_statuses": self.child_statuses,
            "child_exit_codes": self.child_exit_codes,
            "child_status_reasons": self.child_status_reasons,
        }

    def _more_facts(self) -> text.Facts:
        counts = self.counts
        words = f"{counts.active} active, {counts.running} running, {counts.succeeded} succeeded, "
        tasks = self._tracker.tasks()
        retries = sum(task.attempts - 1 for task in tasks)
        requeues = sum(task.requeues for task in tasks)
        return [
            ("children", words + f"{counts.failed} failed"),
            *text.more_than_none(retries=retries, requeues=requeues),
        ]

    def _children(self, indices: Iterable[int]) -> Iterator[ArrayChildJob[Result]]:
        return (ArrayChildJob(self, index) for index in indices)

    def _in_order(
        self, timeout: float | None, explain_all: bool = False
    ) -> Generator[ArrayChildJob[Result], None, None]:
        """Children in input order, each as soon as it and those before have ended, its evaluation loaded."""
        deadline = None if timeout is None else time.monotonic() + timeout
        position = 0
        while position < len(self):
            if not wait_until([self._tracker], partial(self._has_ended, position), _remaining(deadline)):
                status = self._tracker.task(position).status
                raise TimeoutError(f"{self[position]._title()} is still {status} after {timeout} s")
            ended = list(takewhile(self._has_ended, range(position, len(self))))
            yield from self._with_results(ended, explain_all)
            position += len(ended)

    def _with_results(
        self, ended: Sequence[int], explain_all: bool
    ) -> Generator[ArrayChildJob[Result], None, None]:
        """Children that have ended, each with its evaluation loaded; the results are read together.

        :param explain_all: when one failure has to be explained, explain all of them at once.
        """
        record, provider = self._tracker.record, self._tracker.provider
        if record.function is None:
            if explain_all:
                self._tracker.explained_tasks(ended)
            yield from ahead(_with_evaluation, self._children(ended))
            return
        for index, data in provider.read_results(record, ended):
            child = ArrayChildJob(self, index)
            child._reader.take(data, ended if explain_all else [index])
            yield child

    def _has_ended(self, index: int) -> bool:
        return self._tracker.task(index).status.final

    def _known_status(self) -> JobStatus:
        return JobStatus.COMPLETED if self._tracker.finished else JobStatus.ACTIVE

    def _any_failed(self) -> bool:
        return any(task.status is JobStatus.FAILED for task in self._tracker.tasks())

    def _indices(self) -> Sequence[int] | None:
        return None

    def _value(self) -> list[Result]:
        return self.results()


def _with_evaluation(child: ArrayChildJob[Result]) -> ArrayChildJob[Result]:
    child._reader.evaluation()
    return child


def _remaining(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def _longer_than(items: list[int], length: int) -> bool:
    return len(items) > length
