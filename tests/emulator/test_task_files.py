"""Files of tasks and nodes: listed, looked at, read in part or whole, and removed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest
from azure.batch import BatchClient, models
from azure.core.exceptions import HttpResponseError, ResourceModifiedError, ResourceNotFoundError

from azurebatch_emulator import Emulator
from tests.support.batch import (
    make_job,
    new_pool,
    new_task,
    read_file,
    wait_for,
    wait_for_nodes,
    wait_for_task,
)
from tests.support.definite import definite, execution_of
from tests.support.wire import wire

SCRIPT = (
    "echo out; echo err >&2; mkdir -p deep/er; echo one > deep/one.txt; echo two > deep/er/two.txt; "
    "seq 1000 > numbers; mkfifo pipe; ln -s /etc/passwd leak; ln -s / root; ln -s numbers same; "
    "ln -s nowhere dangling"
)
Listing = dict[str, bool]


@pytest.fixture(scope="module")
def node(client: BatchClient) -> models.BatchNode:
    """The node that the tests share."""
    start = models.BatchStartTask(command_line="/bin/sh -c 'echo hello > hello.txt'")
    client.create_pool(new_pool("pool", task_slots_per_node=4, start_task=start))
    return wait_for_nodes(client, "pool")[0]


@pytest.fixture
def job(client: BatchClient, node: models.BatchNode) -> str:
    """A job with one task, which has ended and left some files."""
    job_id = make_job(client)
    client.create_task(job_id, new_task("t", SCRIPT))
    wait_for_task(client, job_id, "t")
    return job_id


def names(files: object) -> Listing:
    """Whether each file of a list is a directory."""
    return {str(file.name): bool(file.is_directory) for file in files}  # type: ignore[attr-defined]


def refused(request: Callable[..., object], *arguments: object, **options: object) -> tuple[int, str]:
    """Status and code of a refusal."""
    with pytest.raises(HttpResponseError) as caught:
        request(*arguments, **options)
    response = caught.value.response
    assert response is not None
    # the client does not read by itself what comes where it expects a file
    return int(definite(response.status_code)), str(json.loads(response.read())["code"])  # type: ignore[attr-defined]


def content(chunks: object) -> bytes:
    return b"".join(chunks)  # type: ignore[arg-type]


@pytest.mark.operation("list_task_files")
def test_a_tasks_files_are_listed(emulator: Emulator, client: BatchClient, job: str) -> None:
    assert names(client.list_task_files(job, "t")) == {
        "certs": True,
        "stderr.txt": False,
        "stdout.txt": False,
        "wd": True,
    }
    everything = {file.name: file for file in client.list_task_files(job, "t", recursive=True)}
    assert {"wd/deep": True, "wd/deep/er/two.txt": False, "wd/numbers": False}.items() <= names(
        everything.values()
    ).items()
    numbers = everything["wd/numbers"]
    assert numbers.url == f"{emulator.endpoint}/jobs/{job}/tasks/t/files/wd/numbers"
    assert definite(numbers.properties).content_length == len(b"".join(b"%d\n" % i for i in range(1, 1001)))
    assert definite(numbers.properties).content_type == "text/plain"
    assert definite(numbers.properties).file_mode == "0o100644"
    assert abs(definite(numbers.properties).last_modified - datetime.now(timezone.utc)) < timedelta(
        minutes=10
    )
    assert everything["wd"].properties is None


@pytest.mark.operation("list_task_files", "list_node_files")
def test_lists_are_filtered_and_come_in_pages(client: BatchClient, node: models.BatchNode, job: str) -> None:
    deep = client.list_task_files(job, "t", recursive=True, filter="startswith(name, 'wd/deep/')")
    assert list(names(deep)) == ["wd/deep/er", "wd/deep/er/two.txt", "wd/deep/one.txt"]
    pages = list(client.list_task_files(job, "t", max_results=3).by_page())
    assert [len(list(page)) for page in pages] == [3, 1]
    of_job = client.list_node_files(
        "pool", node.id, recursive=True, filter=f"startswith(name, 'workitems/{job}/job-1/t/std')"
    )
    assert list(names(of_job)) == [f"workitems/{job}/job-1/t/{name}.txt" for name in ("stderr", "stdout")]


@pytest.mark.operation("list_node_files", "get_node_file_properties", "download_node_file")
def test_a_nodes_files_are_its_root(emulator: Emulator, client: BatchClient, node: models.BatchNode) -> None:
    roots = ("applications", "fsmounts", "shared", "startup", "volatile", "workitems")
    assert names(client.list_node_files("pool", node.id)) == dict.fromkeys(roots, True)
    assert content(client.download_node_file("pool", node.id, "startup/wd/hello.txt")) == b"hello\n"
    properties = client.get_node_file_properties("pool", node.id, "startup/wd/hello.txt")
    assert (properties.content_length, properties.is_directory) == (6, False)
    assert client.get_node_file_properties("pool", node.id, "startup").is_directory
    for path in ("pools/none/nodes/n/files", f"pools/pool/nodes/{node.id[:-1]}x/files"):
        with wire(emulator) as http:
            assert http.get(f"/{path}").status_code == 404


@pytest.mark.operation("get_task_file_properties", "download_task_file")
def test_a_file_is_told_of_in_headers_as_the_service_tells(emulator: Emulator, job: str) -> None:
    with wire(emulator) as http:
        path = f"/jobs/{job}/tasks/t/files/wd%2Fdeep%2Fone.txt"
        head, get = http.head(path), http.get(path)
    quoted = f"{emulator.endpoint}/jobs/{job}/tasks/t/files/".replace(":", "%3A").replace("/", "%2F")
    for answer in (head, get):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/plain"
        assert answer.headers["ocp-batch-file-isdirectory"] == "False"
        assert answer.headers["ocp-batch-file-mode"] == "0o100644"
        assert answer.headers["ocp-batch-file-url"] == f"{quoted}wd%252Fdeep%252Fone.txt"
        assert "etag" not in answer.headers
        assert "ocp-creation-time" not in answer.headers
    assert head.headers["content-length"] == "4"
    assert get.headers["transfer-encoding"] == "chunked"
    assert get.text == "one\n"


@pytest.mark.operation("download_task_file", "download_node_file")
def test_a_part_of_a_file_is_read(client: BatchClient, node: models.BatchNode, job: str) -> None:
    whole = content(client.download_task_file(job, "t", "wd/numbers"))
    for wanted, part in (
        ("bytes=0-9", whole[:10]),
        ("bytes=100-199", whole[100:200]),
        ("bytes=3000-", whole[3000:]),
        ("bytes=3000-999999", whole[3000:]),
        (f"bytes={len(whole) - 1}-", whole[-1:]),
    ):
        assert content(client.download_task_file(job, "t", "wd/numbers", ocp_range=wanted)) == part
    path = f"workitems/{job}/job-1/t/wd/numbers"
    assert content(client.download_node_file("pool", node.id, path, ocp_range="bytes=0-1")) == whole[:2]
    for wanted in (f"bytes={len(whole)}-", "bytes=20-10"):
        assert refused(client.download_task_file, job, "t", "wd/numbers", ocp_range=wanted) == (
            416,
            "InvalidRange",
        )
    for wanted in ("bytes=a-b", "bytes=-5", "lines=1-2"):
        assert refused(client.download_task_file, job, "t", "wd/numbers", ocp_range=wanted) == (
            400,
            "InvalidHeaderValue",
        )


@pytest.mark.operation(
    "download_task_file", "list_task_files", "get_task_file_properties", "delete_task_file"
)
def test_files_are_served_while_the_task_writes_them(client: BatchClient, job: str) -> None:
    client.create_task(job, new_task("long", "echo first; until [ -e go ]; do sleep 0.02; done; echo last"))
    wait_for_task(client, job, "long", "running")
    assert wait_for(lambda: read_file(client, job, "long")) == "first\n"
    assert client.get_task_file_properties(job, "long", "stdout.txt").content_length == 6
    client.delete_task_file(job, "long", "stderr.txt")
    assert "stderr.txt" not in names(client.list_task_files(job, "long"))
    assert client.get_task(job, "long").state == "running"
    client.terminate_task(job, "long")
    wait_for_task(client, job, "long")
    assert content(client.download_task_file(job, "long", "stdout.txt")) == b"first\n"


@pytest.mark.operation("download_task_file")
def test_a_large_file_arrives_whole(client: BatchClient, job: str) -> None:
    client.create_task(job, new_task("large", "head -c 30000000 /dev/urandom | tee large | sha256sum"))
    wait_for_task(client, job, "large")
    digest = hashlib.sha256(content(client.download_task_file(job, "large", "wd/large"))).hexdigest()
    assert content(client.download_task_file(job, "large", "stdout.txt")).decode().split()[0] == digest


@pytest.mark.operation("delete_task_file", "delete_node_file")
def test_files_and_directories_are_removed(client: BatchClient, node: models.BatchNode, job: str) -> None:
    client.delete_task_file(job, "t", "wd/numbers")
    assert refused(client.delete_task_file, job, "t", "wd/numbers") == (404, "FileNotFound")
    assert refused(client.delete_task_file, job, "t", "wd/deep") == (409, "OperationInvalidForCurrentState")
    client.delete_task_file(job, "t", "wd/deep", recursive=True)
    client.delete_node_file("pool", node.id, f"workitems/{job}/job-1/t/wd/pipe")
    left = names(client.list_task_files(job, "t", recursive=True, filter="startswith(name, 'wd/')"))
    assert set(left) == {"wd/leak", "wd/root", "wd/same", "wd/dangling"}


@pytest.mark.operation("delete_task_file")
def test_removing_a_link_leaves_what_it_points_to(
    emulator: Emulator, client: BatchClient, job: str, tmp_path: os.PathLike[str]
) -> None:
    kept = os.path.join(tmp_path, "kept")
    os.makedirs(kept)
    client.create_task(job, new_task("link", f"ln -s {kept} link"))
    wait_for_task(client, job, "link")
    client.delete_task_file(job, "link", "wd/link", recursive=True)
    assert os.path.isdir(kept)
    assert "wd/link" not in names(client.list_task_files(job, "link", recursive=True))


@pytest.mark.operation("download_task_file", "get_task_file_properties", "download_node_file")
def test_nothing_outside_is_served(
    emulator: Emulator, client: BatchClient, node: models.BatchNode, job: str
) -> None:
    outside = ["../../../../../configuration.json", "/etc/passwd", "wd/../../t2/x", "wd/..", "wd/leak"]
    outside += ["wd/root/etc/passwd", "wd/dangling", "wd/no\0pe", "x" * 5000]
    for name in outside:
        assert refused(client.download_task_file, job, "t", name) == (404, "FileNotFound")
        with pytest.raises(ResourceNotFoundError):
            client.get_task_file_properties(job, "t", name)
    for name in ("wd/root/etc/passwd", "wd/..", "/etc/passwd"):
        assert refused(client.delete_task_file, job, "t", name, recursive=True)[0] == 404
    assert refused(client.download_node_file, "pool", node.id, "../../configuration.json")[0] == 404
    with wire(emulator) as http:
        for path in ("%2e%2e%2f%2e%2e%2fstdout.txt", "..%2F..%2F..%2F..%2F..%2Fconfiguration.json"):
            assert http.get(f"/jobs/{job}/tasks/t/files/{path}").status_code == 404
    assert content(client.download_task_file(job, "t", "wd/same")).startswith(b"1\n2\n")


@pytest.mark.operation("download_task_file")
def test_what_is_no_file_is_not_downloaded(client: BatchClient, job: str) -> None:
    for name in ("wd", "wd/pipe"):
        assert refused(client.download_task_file, job, "t", name) == (409, "OperationInvalidForCurrentState")


@pytest.mark.operation("download_task_file", "get_task_file_properties")
def test_a_file_that_has_not_changed_is_not_sent_again(client: BatchClient, job: str) -> None:
    modified = client.get_task_file_properties(job, "t", "stdout.txt").last_modified
    with pytest.raises(ResourceModifiedError):
        client.download_task_file(job, "t", "stdout.txt", if_modified_since=modified)
    day = timedelta(days=1)
    assert content(client.download_task_file(job, "t", "stdout.txt", if_modified_since=modified - day))
    assert refused(client.download_task_file, job, "t", "stdout.txt", if_unmodified_since=modified - day) == (
        412,
        "ConditionNotMet",
    )


@pytest.mark.operation("list_task_files", "download_task_file")
def test_strange_names_and_times_break_nothing(client: BatchClient, job: str) -> None:
    script = 'touch "a b" ä "100%" "$(printf "\\\\377")"; touch -d @99999999999 late; echo y > "c;d?e#f"'
    client.create_task(job, new_task("odd", script))
    assert execution_of(wait_for_task(client, job, "odd")).exit_code == 0
    found = names(client.list_task_files(job, "odd", recursive=True))
    assert {"wd/a b", "wd/ä", "wd/100%", "wd/late", "wd/\ufffd", "wd/c;d?e#f"} <= set(found)
    for name in ("wd/a b", "wd/ä", "wd/100%", "wd/late"):
        assert content(client.download_task_file(job, "odd", name)) == b""
    assert content(client.download_task_file(job, "odd", "wd/c;d?e#f")) == b"y\n"


@pytest.mark.operation("list_task_files")
def test_there_are_no_files_of_what_has_not_run(client: BatchClient) -> None:
    job_id = make_job(client, "nowhere")
    client.create_task(job_id, new_task("t"))
    listing = lambda task_id: list(client.list_task_files(job_id, task_id))  # noqa: E731
    assert refused(listing, "t") == (409, "TaskFilesUnavailable")
    client.terminate_task(job_id, "t")
    assert refused(listing, "t") == (409, "TaskFilesUnavailable")
    assert refused(listing, "u") == (404, "TaskNotFound")
