"""From a job's record to what a runner needs to start one of its tasks."""

from __future__ import annotations

import zipfile
from functools import lru_cache

from remotebatch.provider import TaskRecord
from remotebatch.provider.task_ids import numbered_task_id
from remotebatch.provider.variables import task_variables
from remotebatch_execution.runners import TaskSpec
from remotebatch_kernel.evaluation.task import JOB_OUTPUT, Call
from remotebatch_kernel.formats import inputs
from remotebatch_kernel.system.linux import LEFTOVER_MARK
from remotebatch_local.engine.job import LocalJob
from remotebatch_local.settings import settings_of
from remotebatch_local.store import CODE, Store


def specify(
    store: Store, job: LocalJob, task: TaskRecord, key: int, directory: str, gpus: tuple[int, ...]
) -> TaskSpec:
    """One run of a task.

    :param key: names the run.
    :param directory: its working directory.
    :param gpus: numbers of the GPUs it gets.
    :raises OSError: if a command cannot be read from the job's inputs.
    """
    record, settings = job.record, settings_of(job.record)
    span = record.span(task.index)
    argv: list[str] | None = None
    call: Call | None = None
    function = ""
    code = store.objects.path(CODE, record.code) if record.code else ""
    kernel = store.objects.path("kernels", record.kernel)
    if record.function is None:
        argv = list(inputs.read_span(store.inputs(record), span.start, 1)[0][0])
    else:
        function = store.objects.path("functions", record.function)
        call = Call(
            function=function,
            inputs=store.inputs(record),
            first=span.start,
            length=len(span),
            result=store.result(record, task.index),
            attempt=task.attempts,
            code=code,
            image=(knows_images(kernel) and settings.container_image) or "",
        )
    environment = task_variables(record, task.index, task.attempts)
    environment["REMOTEBATCH_OUTPUT_DIRECTORY"] = f"{directory}/{JOB_OUTPUT}"
    if gpus:
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, gpus))
    files = {name: store.objects.path("files", digest) for name, digest in record.input_files.items()}
    return TaskSpec(
        key=key,
        label=(record.id, numbered_task_id(record, task.index)),
        directory=directory,
        log_directory=store.logs(record, task.index),
        environment=environment,
        job_environment=job.environment | {LEFTOVER_MARK: store.root},
        files=files,
        argv=argv,
        call=call,
        kernel=kernel,
        python=record.python or "",
        preload=tuple(record.preload),
        load_ahead=function if job.worth_a_fork_server else "",
        code=code,
        image=settings.container_image,
        memory_limit=settings.memory_limit,
        network=settings.network,
        gpus=gpus,
    )


@lru_cache(maxsize=64)
def knows_images(kernel: str) -> bool:
    """Whether a kernel is told its image: those of earlier versions refuse what they do not know."""
    with zipfile.ZipFile(kernel) as archive:
        return "remotebatch_kernel/formats/code_package.py" in archive.namelist()
