"""An Azure job that ends before all of its tasks were added: the rest gets another, nothing runs twice."""

from __future__ import annotations

from azure.batch import BatchClient

from remotebatch import Command, SubmissionEnvironment
from tests.azurebatch.faults.conftest import Runs, Services
from tests.support.batch import wait_for, wait_for_job
from tests.support.proxy import Answer, Forward, Request, Treatment

TIMEOUT = 60.0
ADDING = "/addtaskcollection"


def after_the_end(client: BatchClient) -> Treatment:
    """The request is late: the job has ended by then."""

    def treat(request: Request, forward: Forward) -> Answer:
        wait_for_job(client, request.path.split("/")[2])
        return forward()

    return treat


def after_all_that_it_has(client: BatchClient) -> Treatment:
    """The request is late: all tasks that the job has have ended by then."""

    def treat(request: Request, forward: Forward) -> Answer:
        job_id = request.path.split("/")[2]
        wait_for(lambda: client.get_job_task_counts(job_id).task_counts, lambda counts: counts.completed == 1)
        return forward()

    return treat


def lost_until_the_end(client: BatchClient) -> Treatment:
    """The work is done, and the answer lost, which the sender sees once the job has ended."""

    def treat(request: Request, forward: Forward) -> None:
        forward()
        wait_for_job(client, request.path.split("/")[2])

    return treat


def azure_jobs(client: BatchClient, job_id: str) -> list[str]:
    return [job.id for job in client.list_jobs(filter=f"startswith(id,'{job_id}')")]


def test_the_rest_comes_in_a_further_job(
    remote: SubmissionEnvironment, services: Services, direct: BatchClient, runs: Runs
) -> None:
    services.batch.order(after_the_end(direct), "POST", ADDING)
    array = remote.map_submit(runs.noting(), range(3))
    assert array.results(TIMEOUT) == [0, 1, 4]
    assert runs.noted == [0, 1, 2]
    assert azure_jobs(direct, array.provider_job_id)[:2] == [
        array.provider_job_id,
        f"{array.provider_job_id}-2",
    ]
    assert [child.attempts for child in array] == [1, 1, 1]


def test_a_further_job_waits_for_all_of_its_tasks(
    remote: SubmissionEnvironment, services: Services, direct: BatchClient, runs: Runs
) -> None:
    services.batch.order(after_the_end(direct), "POST", ADDING)
    services.batch.order(after_all_that_it_has(direct), "POST", ADDING)
    array = remote.map_submit([Command(["sh", "-c", f"echo {n} >> {runs.path}"]) for n in range(3)])
    assert array.wait(TIMEOUT).succeeded
    assert runs.noted == [0, 1, 2]
    first, second = azure_jobs(direct, array.provider_job_id)
    wait_for_job(direct, first)
    wait_for_job(direct, second)  # it ends by itself, too


def test_what_was_added_by_a_lost_answer_is_not_added_again(
    remote: SubmissionEnvironment, services: Services, direct: BatchClient, runs: Runs
) -> None:
    services.batch.order(lost_until_the_end(direct), "POST", ADDING)
    array = remote.map_submit(runs.noting(), range(3))
    assert array.results(TIMEOUT) == [0, 1, 4]
    assert runs.noted == [0, 1, 2]
    assert azure_jobs(direct, array.provider_job_id) == [array.provider_job_id]
