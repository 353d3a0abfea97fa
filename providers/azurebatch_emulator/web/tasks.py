"""Tasks."""

from __future__ import annotations

from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.models import common
from azurebatch_emulator.protocol.models import tasks as models
from azurebatch_emulator.state.job import Job
from azurebatch_emulator.state.task import Task
from azurebatch_emulator.web import checks
from azurebatch_emulator.web.lists import in_order
from azurebatch_emulator.web.operation import Answer, Call, operation

_MOST_IN_COLLECTION = 100


def _job(call: Call) -> Job:
    return call.account.job(call.parameters["jobId"])


def _task(call: Call) -> Task:
    task = _job(call).task(call.parameters["taskId"])
    call.check(task.resource)
    return task


@operation("POST", "/jobs/{jobId}/tasks")
def create_task(call: Call) -> Answer:
    """POST jobs/{jobId}/tasks."""
    job, add = _job(call), call.body(models.TaskAdd)
    checks.check_task(add)
    task = job.add_task(add)
    return call.created(task.resource.url, task.resource)


@operation("POST", "/jobs/{jobId}/addtaskcollection")
def create_task_collection(call: Call) -> Answer:
    """POST jobs/{jobId}/addtaskcollection."""
    job, collection = _job(call), call.body(models.TaskCollection)
    if len(collection.value) > _MOST_IN_COLLECTION:
        raise BatchServiceError(
            "InvalidPropertyValue",
            PropertyName="value",
            Reason=f"A collection has at most {_MOST_IN_COLLECTION} tasks.",
        )
    job.require_open()
    return call.value([_added(job, add) for add in collection.value], "taskaddresult")


def _added(job: Job, add: models.TaskAdd) -> models.TaskAddResult:
    try:
        checks.check_task(add)
        resource = job.add_task(add).resource
    except BatchServiceError as error:
        return models.TaskAddResult(
            status=models.TaskAddStatus.CLIENT_ERROR,
            task_id=add.id,
            error=common.Error(
                code=error.code,
                message=common.ErrorMessage(lang="en-US", value=error.message),
                values=[common.ErrorDetail(key=key, value=value) for key, value in error.values.items()]
                or None,
            ),
        )
    return models.TaskAddResult(
        status=models.TaskAddStatus.SUCCESS,
        task_id=add.id,
        e_tag=resource.e_tag,
        last_modified=resource.last_modified,
        location=resource.url,
    )


@operation("GET", "/jobs/{jobId}/tasks")
def list_tasks(call: Call) -> Answer:
    """GET jobs/{jobId}/tasks."""
    tasks = _job(call).tasks
    items = ((key, task.resource) for key, task in in_order(tasks, call.query))
    return call.page(items, "tasks")


@operation("GET", "/jobs/{jobId}/tasks/{taskId}")
def get_task(call: Call) -> Answer:
    """GET jobs/{jobId}/tasks/{taskId}."""
    return call.element(_task(call).resource, "tasks")


@operation("PUT", "/jobs/{jobId}/tasks/{taskId}")
def replace_task(call: Call) -> Answer:
    """PUT jobs/{jobId}/tasks/{taskId}."""
    task, body = _task(call), call.body(models.TaskReplace)
    _job(call).limit_task(task, models.task_constraints(body.constraints))
    return call.changed(task.resource)


@operation("DELETE", "/jobs/{jobId}/tasks/{taskId}")
def delete_task(call: Call) -> Answer:
    """DELETE jobs/{jobId}/tasks/{taskId}."""
    task = _task(call)
    _job(call).delete_task(task)
    return Answer(200)


@operation("POST", "/jobs/{jobId}/tasks/{taskId}/terminate")
def terminate_task(call: Call) -> Answer:
    """POST jobs/{jobId}/tasks/{taskId}/terminate."""
    task = _task(call)
    _job(call).terminate_task(task)
    return call.changed(task.resource, 204)


@operation("POST", "/jobs/{jobId}/tasks/{taskId}/reactivate")
def reactivate_task(call: Call) -> Answer:
    """POST jobs/{jobId}/tasks/{taskId}/reactivate."""
    task = _task(call)
    _job(call).reactivate_task(task)
    answer = call.changed(task.resource, 204)
    return Answer(204, {name: value for name, value in answer.headers.items() if name != "DataServiceId"})


@operation("GET", "/jobs/{jobId}/tasks/{taskId}/subtasksinfo")
def list_subtasks(call: Call) -> Answer:
    """GET jobs/{jobId}/tasks/{taskId}/subtasksinfo."""
    subtasks = {f"{subtask.id:06}": subtask for subtask in _task(call).subtasks or ()}
    return call.page(in_order(subtasks, call.query), "subtaskinfo")
