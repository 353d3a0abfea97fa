"""What automatic scaling learns from a pool, and what the service shows of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import datetime, timezone
from pathlib import Path

from azurebatch_emulator import Timings, autoscale
from azurebatch_emulator.autoscale.samples import PERIOD, Sample, Samples
from azurebatch_emulator.execution.executor import Executor
from azurebatch_emulator.execution.machine import Machine
from azurebatch_emulator.execution.storage import Storage
from azurebatch_emulator.process.configuration import Configuration
from azurebatch_emulator.protocol.models import jobs, pools, tasks
from azurebatch_emulator.protocol.models.nodes import NodeState
from azurebatch_emulator.state.account import Account
from azurebatch_emulator.state.background import Background
from azurebatch_emulator.state.context import Context
from azurebatch_emulator.state.ledger import Ledger


def in_account(directory: Path, body: Callable[[Account], Awaitable[None]]) -> None:
    """Have something happen in an account of its own."""

    async def run() -> None:
        configuration = Configuration(
            data=str(directory),
            storage_connection_string="UseDevelopmentStorage=true",
            timings=Timings(resize=0),
        )
        lock = os.open(directory / "lock", os.O_CREAT)
        machine = Machine(configuration, lock, Storage(configuration.storage))
        background, ledger = Background(), Ledger(str(directory / "ledger"))
        account = Account(Context(configuration, ledger, background, Executor(machine, background)))
        try:
            await body(account)
        finally:
            await account.close()
            os.close(lock)

    asyncio.run(run())


def run_of(account: Account, formula: str, samples: Samples | None = None) -> pools.AutoScaleRun:
    """Evaluate a formula for the pool as it is now, after the samples of its past."""
    pool, samples = account.pool("p"), Samples() if samples is None else samples
    samples.add(pool.scaling.sample())
    return autoscale.evaluate(formula, pool.size.targets, samples)


def task(name: str, **settings: object) -> tasks.TaskAdd:
    return tasks.TaskAdd(id=name, command_line="true", **settings)  # type: ignore[arg-type]


def test_results_list_the_targets_and_then_the_variables_by_name(tmp_path: Path) -> None:
    async def body(account: Account) -> None:
        account.create_pool(pools.PoolAdd(id="p", vm_size="s", target_low_priority_nodes=1))
        run = run_of(account, "pool = 3; $b = vec(1, 2.5); $a = 2 / 3; $TargetDedicatedNodes = pool + 0.9;")
        assert run.error is None
        assert run.results == (
            "$TargetDedicatedNodes=3;$TargetLowPriorityNodes=1;$NodeDeallocationOption=requeue;"
            "$a=0.666667;$b=[1,2.5];pool=3"
        )
        assert autoscale.targets(run) == (3, 1)
        assert autoscale.deallocation_option(run) is pools.NodeDeallocationOption.REQUEUE
        run = run_of(account, "$TargetDedicatedNodes = -2; $NodeDeallocationOption = retaineddata")
        assert autoscale.targets(run) == (0, 1)
        assert autoscale.deallocation_option(run) is pools.NodeDeallocationOption.RETAINED_DATA

    in_account(tmp_path, body)


def test_a_formula_that_fails_changes_nothing(tmp_path: Path) -> None:
    async def body(account: Account) -> None:
        account.create_pool(pools.PoolAdd(id="p", vm_size="s", target_dedicated_nodes=2))
        unchanged = "$TargetDedicatedNodes=2;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue"
        run = run_of(account, "$something_useless")
        assert run.results == unchanged
        assert run.error is not None
        assert run.error.code == "AutoScalingFormulaEvaluationError"
        assert run.error.message == "The specified auto-scaling formula has evaluation error"
        values = [(entry.name, entry.value) for entry in run.error.values or ()]
        assert values == [("Message", "Line 1, Col 1: Undefined symbol: $something_useless")]
        run = run_of(account, "$TargetDedicatedNodes = 9; $RunningTasks.GetSample(TimeInterval_Hour, 100);")
        assert run.error is not None
        assert run.error.code == "InsufficientSampleData"
        assert run.error.message == "Autoscale evaluation failed due to insufficient sample data"
        assert run.results == unchanged

    in_account(tmp_path, body)


def test_tasks_count_when_they_could_start(tmp_path: Path) -> None:
    async def body(account: Account) -> None:
        account.create_pool(pools.PoolAdd(id="p", vm_size="s", task_slots_per_node=4))
        account.create_pool(pools.PoolAdd(id="other", vm_size="s"))
        job = account.create_job(
            jobs.JobAdd(id="j", pool_info=jobs.PoolInfo(pool_id="P"), uses_task_dependencies=True)
        )
        for number in range(3):
            job.add_task(task(f"t{number}"))
        formula = "$TargetDedicatedNodes = max(0, $PendingTasks.GetSample(TimeInterval_Minute * 15));"
        assert autoscale.targets(run_of(account, formula)) == (3, 0)
        job.add_task(task("waits", depends_on=tasks.TaskDependencies(task_ids=["t1"])))
        assert autoscale.targets(run_of(account, formula)) == (3, 0)
        wide = tasks.MultiInstanceSettings(coordination_command_line="true", number_of_instances=5)
        job.add_task(task("wide", multi_instance_settings=wide))
        assert autoscale.targets(run_of(account, formula)) == (8, 0)
        elsewhere = account.create_job(jobs.JobAdd(id="e", pool_info=jobs.PoolInfo(pool_id="other")))
        elsewhere.add_task(task("t"))
        assert autoscale.targets(run_of(account, formula)) == (8, 0)
        job.life.disable(jobs.DisableTasks.REQUEUE)
        assert autoscale.targets(run_of(account, formula)) == (0, 0)
        assert autoscale.targets(run_of(account, "$TargetDedicatedNodes = $TaskSlotsPerNode;")) == (4, 0)

    in_account(tmp_path, body)


def test_nodes_and_ended_tasks_count(tmp_path: Path) -> None:
    async def body(account: Account) -> None:
        pool = account.create_pool(
            pools.PoolAdd(id="p", vm_size="s", target_dedicated_nodes=1, target_low_priority_nodes=2)
        )
        job = account.create_job(jobs.JobAdd(id="j", pool_info=jobs.PoolInfo(pool_id="p")))
        job.add_task(task("bad"))
        job.terminate_task(job.task("bad"))
        while len(pool.nodes) < 3 or pool.resource.allocation_state is not pools.AllocationState.STEADY:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        preempted = next(node for node in pool.nodes.values() if not node.resource.is_dedicated)
        preempted.life.lose(NodeState.PREEMPTED)
        formula = """
            nodes = 100 * $CurrentDedicatedNodes + 10 * $CurrentLowPriorityNodes + $PreemptedNodeCount;
            $TargetDedicatedNodes = nodes;
            $TargetLowPriorityNodes = sum($FailedTasks.GetSample(1) * 10, $SampleNodeCount.GetSample(1));
        """
        assert autoscale.targets(run_of(account, formula)) == (121, 13)

    in_account(tmp_path, body)


def test_the_present_joins_the_samples_of_the_past(tmp_path: Path) -> None:
    async def body(account: Account) -> None:
        account.create_pool(pools.PoolAdd(id="p", vm_size="s"))
        samples, present = Samples(), datetime.now(timezone.utc).timestamp()
        for age in range(10, 0, -1):
            samples.add(Sample(present - age * PERIOD, active_tasks=age))
        formula = "$TargetDedicatedNodes = max($ActiveTasks.GetSample(TimeInterval_Second * 225, 100));"
        assert autoscale.targets(run_of(account, formula, samples)) == (7, 0)
        assert [sample.active_tasks for sample in samples.latest(3)] == [2, 1, 0]

    in_account(tmp_path, body)
