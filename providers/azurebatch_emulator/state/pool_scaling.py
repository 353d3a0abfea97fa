"""A pool whose size a formula decides."""

from __future__ import annotations

import asyncio
import time

from azurebatch_emulator import autoscale
from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.models.common import normal, seconds
from azurebatch_emulator.protocol.models.nodes import NodeState
from azurebatch_emulator.protocol.models.pools import AutoScaleRun
from azurebatch_emulator.state.pool_record import PoolRecord
from azurebatch_emulator.state.pool_size import PoolSize
from azurebatch_emulator.state.touch import touch

_USUAL_INTERVAL = "PT15M"
_SHORTEST_INTERVAL, _LONGEST_INTERVAL = 5 * 60.0, 168 * 3600.0


class PoolScaling:
    """Automatic scaling of one pool."""

    def __init__(self, pool: PoolRecord, size: PoolSize) -> None:
        self._pool = pool
        self._size = size
        self._samples = autoscale.Samples()
        self._going_on: list[asyncio.Task[None]] = []

    @property
    def is_enabled(self) -> bool:
        """Whether the pool scales automatically."""
        return bool(self._pool.resource.enable_auto_scale)

    def begin(self) -> None:
        """Size a new pool."""
        self._size.aim_at(*autoscale.targets(self._evaluate()))
        self._go_on()

    def resume(self) -> None:
        """Go on where the last service was stopped."""
        if self.is_enabled:
            self._go_on()

    def enable(self, formula: str | None, interval: str | None) -> None:
        """Have a formula decide; what is not given stays as it was.

        :raises BatchServiceError: if there is no formula, or it cannot be parsed.
        """
        resource = self._pool.resource
        if not self.is_enabled:
            self._size.require_steady()
        formula = formula or resource.auto_scale_formula
        interval = interval or resource.auto_scale_evaluation_interval or _USUAL_INTERVAL
        if formula is None:
            raise BatchServiceError("MissingRequiredProperty", PropertyName="autoScaleFormula")
        check(formula, interval)
        resource.enable_auto_scale = True
        resource.auto_scale_formula = formula
        resource.auto_scale_evaluation_interval = normal(interval)
        touch(resource)
        self._scale()
        self._go_on()

    def disable(self) -> None:
        """Keep the size that there is."""
        if not self.is_enabled:
            return
        resource = self._pool.resource
        resource.enable_auto_scale = False
        resource.auto_scale_formula = None
        resource.auto_scale_evaluation_interval = None
        resource.auto_scale_run = None
        self.end()
        if not self._size.is_steady:
            self._size.stop()
        self._pool.save()

    def evaluate(self, formula: str) -> AutoScaleRun:
        """The result of a formula now; the pool stays as it is.

        :raises BatchServiceError: if the pool does not scale automatically.
        """
        if not self.is_enabled:
            raise BatchServiceError("OperationNotValidOnPool")
        return self._run(formula)

    def sample(self) -> autoscale.Sample:
        """The pool as it is now."""
        pool, resource = self._pool, self._pool.resource
        workload = pool.account.workload(pool.key)
        return autoscale.Sample(
            time=time.time(),
            active_tasks=workload.active,
            running_tasks=workload.running,
            succeeded_tasks=workload.succeeded,
            failed_tasks=workload.failed,
            nodes=len(pool.nodes),
            dedicated_nodes=resource.current_dedicated_nodes,
            low_priority_nodes=resource.current_low_priority_nodes,
            preempted_nodes=sum(node.state is NodeState.PREEMPTED for node in pool.nodes.values()),
            task_slots_per_node=resource.task_slots_per_node or 1,
        )

    def end(self) -> None:
        """Evaluate no more."""
        for task in self._going_on:
            task.cancel()

    # -- within -----------------------------------------------------------------------------

    def _evaluate(self) -> AutoScaleRun:
        """Evaluate the pool's formula and show how it went."""
        resource = self._pool.resource
        run = self._run(resource.auto_scale_formula or "")
        resource.auto_scale_run = run
        return run

    def _run(self, formula: str) -> AutoScaleRun:
        self._samples.add(self.sample())
        return autoscale.evaluate(formula, self._size.targets, self._samples)

    def _scale(self) -> None:
        run, size = self._evaluate(), self._size
        if autoscale.targets(run) != size.targets and size.is_steady:
            size.aim_at(*autoscale.targets(run))
            size.begin(autoscale.deallocation_option(run))
        self._pool.save()

    def _go_on(self) -> None:
        self.end()
        work = self._scale_from_time_to_time(), self._sample_from_time_to_time()
        self._going_on = [self._pool.context.background.spawn(each) for each in work]

    async def _sample_from_time_to_time(self) -> None:
        while True:
            self._samples.add(self.sample())
            await asyncio.sleep(autoscale.PERIOD)

    async def _scale_from_time_to_time(self) -> None:
        while True:
            await asyncio.sleep(
                seconds(self._pool.resource.auto_scale_evaluation_interval or _USUAL_INTERVAL)
            )
            self._scale()


def check(formula: str, interval: str | None) -> None:
    """Refuse what cannot size a pool.

    :raises BatchServiceError: saying why.
    """
    if interval is not None and not _SHORTEST_INTERVAL <= seconds(interval) <= _LONGEST_INTERVAL:
        raise BatchServiceError(
            "InvalidPropertyValue",
            PropertyName="autoScaleEvaluationInterval",
            PropertyValue=interval,
            Reason="The interval is at least 5 minutes and at most 168 hours.",
        )
    autoscale.check(formula)
