"""A pool whose size a formula decides."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from azurebatch_emulator import autoscale
from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.models.common import normal, seconds
from azurebatch_emulator.state.touch import touch

if TYPE_CHECKING:
    from azurebatch_emulator.protocol.models.pools import AutoScaleRun
    from azurebatch_emulator.state.pool import Pool

_USUAL_INTERVAL = "PT15M"
_SHORTEST_INTERVAL, _LONGEST_INTERVAL = 5 * 60.0, 168 * 3600.0


class PoolScaling:
    """Automatic scaling of one pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._samples = autoscale.Samples()
        self._going_on: list[asyncio.Task[None]] = []

    @property
    def is_enabled(self) -> bool:
        """Whether the pool scales automatically."""
        return bool(self._pool.resource.enable_auto_scale)

    def begin(self) -> None:
        """Size a new pool."""
        self._pool.size.aim_at(*autoscale.targets(self._evaluate()))
        self._go_on()

    def resume(self) -> None:
        """Go on where the last service was stopped."""
        if self.is_enabled:
            self._go_on()

    def enable(self, formula: str | None, interval: str | None) -> None:
        """Let a formula decide; what is not given stays as it was.

        :raises BatchServiceError: if there is no formula, or none that can be understood.
        """
        resource = self._pool.resource
        if not self.is_enabled:
            self._pool.size.require_steady()
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
        if not self._pool.size.is_steady:
            self._pool.size.stop()
        self._pool.save()

    def evaluate(self, formula: str) -> AutoScaleRun:
        """What a formula would say now.

        :raises BatchServiceError: if the pool does not scale automatically.
        """
        if not self.is_enabled:
            raise BatchServiceError("OperationNotValidOnPool")
        return autoscale.evaluate(formula, self._pool, self._samples)

    def end(self) -> None:
        """Evaluate no more."""
        for task in self._going_on:
            task.cancel()

    # -- within -----------------------------------------------------------------------------

    def _evaluate(self) -> AutoScaleRun:
        """Evaluate the pool's formula and show how it went."""
        resource = self._pool.resource
        run = autoscale.evaluate(resource.auto_scale_formula or "", self._pool, self._samples)
        resource.auto_scale_run = run
        return run

    def _scale(self) -> None:
        run, size = self._evaluate(), self._pool.size
        if autoscale.targets(run) != size.targets and size.is_steady:
            size.aim_at(*autoscale.targets(run))
            size.begin(autoscale.deallocation_option(run))
        self._pool.save()

    def _go_on(self) -> None:
        self.end()
        work = self._scale_from_time_to_time(), self._samples.keep(self._pool)
        self._going_on = [self._pool.account.spawn(each) for each in work]

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
