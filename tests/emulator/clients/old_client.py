# mypy: ignore-errors
# The old client is installed in an environment of its own, not beside the tests.
"""What azure-batch 14 sees of an emulator; run with the Python of an environment that has it.

    python old_client.py ENDPOINT ACCOUNT KEY

Writes what it saw as JSON.
"""

import json
import sys
import time

from azure.batch import BatchServiceClient, models
from azure.batch.batch_auth import SharedKeyCredentials

_POOL, _JOB = "old-pool", "old-job"
_TIMEOUT = 60


def main() -> None:
    endpoint, account, key = sys.argv[1:]
    client = BatchServiceClient(SharedKeyCredentials(account, key), batch_url=endpoint)
    steps = (pools, jobs, tasks, files, errors, clean_up)
    json.dump({step.__name__: step(client) for step in steps}, sys.stdout)


def pools(client):
    image = models.ImageReference(publisher="debian", offer="debian-12", sku="12")
    machine = models.VirtualMachineConfiguration(
        image_reference=image, node_agent_sku_id="batch.node.debian 12"
    )
    client.pool.add(
        models.PoolAddParameter(
            id=_POOL,
            vm_size="standard_d2",
            virtual_machine_configuration=machine,
            target_dedicated_nodes=1,
            task_slots_per_node=4,
            metadata=[models.MetadataItem(name="made", value="by the old client")],
        )
    )
    nodes = wait(
        lambda: list(client.compute_node.list(_POOL)),
        lambda nodes: [node.state for node in nodes] == ["idle"],
    )
    client.pool.patch(_POOL, models.PoolPatchParameter(metadata=[]))
    pool = client.pool.get(_POOL)
    return {
        "exists": [client.pool.exists(_POOL), client.pool.exists("none")],
        "listed": [listed.id for listed in client.pool.list()],
        "vm_size": pool.vm_size,
        "slots": pool.task_slots_per_node,
        "metadata": pool.metadata,
        "resize_timeout": pool.resize_timeout.total_seconds(),
        "node_is_dedicated": nodes[0].is_dedicated,
        "node_counts": [counts.dedicated.total for counts in client.account.list_pool_node_counts()],
        "images": any(client.account.list_supported_images()),
    }


def jobs(client):
    client.job.add(models.JobAddParameter(id=_JOB, pool_info=models.PoolInformation(pool_id=_POOL)))
    client.job.patch(_JOB, models.JobPatchParameter(priority=5))
    job = client.job.get(_JOB)
    return {
        "state": job.state,
        "priority": job.priority,
        "max_wall_clock_time": job.constraints.max_wall_clock_time.days,
        "on_all_tasks_complete": job.on_all_tasks_complete,
        "listed": [listed.id for listed in client.job.list()],
    }


def tasks(client):
    added = [
        models.TaskAddParameter(
            id=f"t{number:03}", command_line=f"/bin/sh -c 'echo {number}; exit {number % 2}'"
        )
        for number in range(120)
    ]
    results = client.task.add_collection(_JOB, added).value
    again = client.task.add_collection(_JOB, added[:1]).value
    counts = wait(
        lambda: client.job.get_task_counts(_JOB).task_counts, lambda counts: counts.completed == len(added)
    )
    failed = client.task.list(
        _JOB,
        models.TaskListOptions(
            filter="executionInfo/result eq 'failure' and startswith(id, 't00')",
            select="id,state",
            max_results=2,
        ),
    )
    client.task.add(_JOB, models.TaskAddParameter(id="endless", command_line="sleep 600"))
    wait(lambda: client.task.get(_JOB, "endless").state, lambda state: state == "running")
    client.task.terminate(_JOB, "endless")
    ended = wait(lambda: client.task.get(_JOB, "endless"), lambda task: task.state == "completed")
    one = client.task.get(_JOB, "t001")
    return {
        "statuses": sorted({result.status.value for result in results}),
        "added": len(results),
        "repeated": [result.error.code for result in again],
        "counts": [counts.completed, counts.succeeded, counts.failed],
        "listed": sum(1 for _ in client.task.list(_JOB, models.TaskListOptions(max_results=50))),
        "failed": [(task.id, task.state, task.command_line) for task in failed],
        "exit_code": one.execution_info.exit_code,
        "failure": one.execution_info.failure_info.code,
        "terminated": ended.execution_info.failure_info.code,
    }


def files(client):
    options = models.FileGetFromTaskOptions(ocp_range="bytes=1-2")
    head = client.file.get_properties_from_task(_JOB, "t119", "stdout.txt", raw=True).headers
    return {
        "listed": sorted(file.name for file in client.file.list_from_task(_JOB, "t119", recursive=True)),
        "content": _text(client.file.get_from_task(_JOB, "t119", "stdout.txt")),
        "range": _text(client.file.get_from_task(_JOB, "t119", "stdout.txt", options)),
        "length": head["Content-Length"],
    }


def errors(client):
    attempts = {
        "no job": lambda: client.job.get("none"),
        "job again": lambda: client.job.add(
            models.JobAddParameter(id=_JOB, pool_info=models.PoolInformation(pool_id=_POOL))
        ),
        "changed meanwhile": lambda: client.job.patch(
            _JOB, models.JobPatchParameter(priority=1), models.JobPatchOptions(if_match="0x0")
        ),
        "bad filter": lambda: list(client.job.list(models.JobListOptions(filter="priority eq"))),
    }
    return {name: _error(attempt) for name, attempt in attempts.items()}


def clean_up(client):
    client.job.terminate(_JOB, terminate_reason="enough")
    job = wait(lambda: client.job.get(_JOB), lambda job: job.state == "completed")
    client.job.delete(_JOB)
    client.pool.delete(_POOL)
    wait(lambda: [*client.job.list(), *client.pool.list()], lambda left: not left)
    return {"reason": job.execution_info.terminate_reason}


def wait(what, accept):
    deadline = time.monotonic() + _TIMEOUT
    while not accept(answer := what()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"still {answer}")
        time.sleep(0.05)
    return answer


def _text(stream):
    return b"".join(stream).decode()


def _error(attempt):
    try:
        attempt()
    except models.BatchErrorException as error:
        return error.response.status_code, error.error.code, error.error.message.value.split("\n")[0]
    raise AssertionError("it was not refused")


if __name__ == "__main__":
    main()
