"""What a task's node uploads, under which names, and how tasks fail whose output cannot be stored."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest
from azure.storage.blob import (
    BlobLeaseClient,
    ContainerClient,
    StandardBlobTier,
    generate_container_sas,
)

from azurebatch_emulator.execution.output_files import check, upload
from azurebatch_emulator.execution.storage import Storage
from azurebatch_emulator.protocol.failures import FILE_UPLOAD_FAILURES, TaskFailure
from azurebatch_emulator.protocol.models.common import ErrorCategory, IdentityReference
from azurebatch_emulator.protocol.models.files import (
    BlobContainerDestination,
    OutputFile,
    OutputFileDestination,
    UploadCondition,
    UploadHeader,
    UploadOptions,
)

LOGS = {"fileuploadout.txt", "fileuploaderr.txt"}


@pytest.fixture
def storage(azurite: str) -> Iterator[Storage]:
    with Storage(azurite) as storage:
        yield storage


@pytest.fixture
def task(tmp_path: os.PathLike[str]) -> str:
    """The directory of a task that has run."""
    directory = os.path.join(tmp_path, "task")
    for name in ("stdout.txt", "stderr.txt", "wd/a.txt", "wd/out/b.txt", "wd/out/deep/c.bin"):
        path = os.path.join(directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(f"content of {name}")
    return directory


def sas_url(container: ContainerClient, permission: str = "w", hours: int = 1, suffix: str = "") -> str:
    sas = generate_container_sas(
        container.account_name or "",
        container.container_name + suffix,
        account_key=container.credential.account_key,
        permission=permission,
        expiry=datetime.now(timezone.utc) + timedelta(hours=hours),
    )
    return f"{container.url}{suffix}?{sas}"


def output_file(
    pattern: str,
    url: str,
    path: str | None = None,
    condition: UploadCondition = UploadCondition.TASK_COMPLETION,
    headers: dict[str, str] | None = None,
    identity: IdentityReference | None = None,
) -> OutputFile:
    destination = BlobContainerDestination(
        container_url=url,
        path=path,
        upload_headers=[UploadHeader(name=name, value=value) for name, value in (headers or {}).items()],
        identity_reference=identity,
    )
    return OutputFile(
        file_pattern=pattern,
        destination=OutputFileDestination(container=destination),
        upload_options=UploadOptions(upload_condition=condition),
    )


def run(task: str, storage: Storage, *output_files: OutputFile, succeeded: bool = True) -> None:
    upload(output_files, f"{task}/wd", {"AZ_BATCH_TASK_DIR": task}, succeeded, task, storage)


def failure_of(task: str, storage: Storage, *output_files: OutputFile) -> TaskFailure:
    with pytest.raises(TaskFailure) as caught:
        run(task, storage, *output_files)
    assert caught.value.code in FILE_UPLOAD_FAILURES
    return caught.value


def blobs(container: ContainerClient) -> dict[str, str]:
    return {
        name: container.download_blob(name, encoding="utf-8").readall()
        for name in container.list_blob_names()
    }


def log(task: str, name: str) -> str:
    with open(f"{task}/{name}") as file:
        return file.read()


@pytest.mark.parametrize(
    ("pattern", "path", "names"),
    [
        ("a.txt", None, ["a.txt"]),
        ("a.txt", "x/y", ["x/y"]),
        ("out/b.txt", None, ["b.txt"]),
        ("../stdout.txt", "$TaskLog/stdout.txt", ["$TaskLog/stdout.txt"]),
        ("*.txt", None, ["a.txt"]),
        ("*.txt", "x/y", ["x/y/a.txt"]),
        ("*.txt", "x/y/", ["x/y/a.txt"]),
        ("out/**/*", "", ["b.txt", "deep/c.bin"]),
        ("**/*", "x", ["x/a.txt", "x/out/b.txt", "x/out/deep/c.bin"]),
        ("../std*.txt", "logs", ["logs/stderr.txt", "logs/stdout.txt"]),
        ("$AZ_BATCH_TASK_DIR/std*.txt", None, ["stderr.txt", "stdout.txt"]),
        ("missing.txt", None, []),
        ("missing/*", "x", []),
        ("out", "x", []),
    ],
)
def test_blobs_are_named_by_path_and_pattern(
    storage: Storage,
    container: ContainerClient,
    task: str,
    pattern: str,
    path: str | None,
    names: list[str],
) -> None:
    run(task, storage, output_file(pattern, sas_url(container), path))
    uploaded = blobs(container)
    assert list(uploaded) == names
    for name, content in uploaded.items():
        assert path is not None or content.endswith(name)
    assert set(os.listdir(task)) >= LOGS


@pytest.mark.parametrize(
    ("succeeded", "names"), [(True, ["completion", "success"]), (False, ["completion", "failure"])]
)
def test_the_upload_condition_decides(
    storage: Storage, container: ContainerClient, task: str, succeeded: bool, names: list[str]
) -> None:
    url = sas_url(container)
    conditions = {
        "success": UploadCondition.TASK_SUCCESS,
        "failure": UploadCondition.TASK_FAILURE,
        "completion": UploadCondition.TASK_COMPLETION,
    }
    output_files = [output_file("a.txt", url, name, condition) for name, condition in conditions.items()]
    run(task, storage, *output_files, succeeded=succeeded)
    assert list(blobs(container)) == names


def test_nothing_due_leaves_no_logs(storage: Storage, container: ContainerClient, task: str) -> None:
    url = sas_url(container)
    run(task, storage, output_file("a.txt", url, condition=UploadCondition.TASK_FAILURE))
    run(task, storage)
    assert not LOGS & set(os.listdir(task))
    assert not blobs(container)


def test_a_blob_of_an_earlier_try_is_overwritten(
    storage: Storage, container: ContainerClient, task: str
) -> None:
    container.upload_blob("a.txt", "the first try wrote more than the second")
    run(task, storage, output_file("a.txt", sas_url(container)))
    assert blobs(container) == {"a.txt": "content of wd/a.txt"}


def test_an_identity_stands_for_a_signature(storage: Storage, container: ContainerClient, task: str) -> None:
    identity = IdentityReference(resource_id="/subscriptions/s/identity")
    run(task, storage, output_file("a.txt", container.url, identity=identity))
    assert list(blobs(container)) == ["a.txt"]


@pytest.mark.parametrize("size", [0, 10, 9 * 1024 * 1024 + 1])
def test_headers_go_with_the_blob(storage: Storage, container: ContainerClient, task: str, size: int) -> None:
    with open(f"{task}/wd/big", "wb") as file:
        file.truncate(size)
    headers = {
        "x-ms-blob-content-type": "text/csv",
        "x-ms-blob-cache-control": "no-cache",
        "x-ms-meta-kind": "result",
        "x-ms-access-tier": "Cool",
    }
    run(task, storage, output_file("big", sas_url(container), headers=headers))
    properties = container.get_blob_client("big").get_blob_properties()
    assert properties.size == size
    assert properties.blob_type == "BlockBlob"
    assert properties.content_settings.content_type == "text/csv"
    assert properties.content_settings.cache_control == "no-cache"
    assert properties.metadata == {"kind": "result"}
    assert properties.blob_tier == StandardBlobTier.COOL


def test_without_headers_blobs_are_plain_bytes(
    storage: Storage, container: ContainerClient, task: str
) -> None:
    run(task, storage, output_file("a.txt", sas_url(container)))
    properties = container.get_blob_client("a.txt").get_blob_properties()
    assert properties.content_settings.content_type == "application/octet-stream"


def test_many_files_arrive_each_with_its_content(
    storage: Storage, container: ContainerClient, task: str
) -> None:
    for number in range(60):
        with open(f"{task}/wd/many-{number}", "w") as file:
            file.write(str(number))
    run(task, storage, output_file("many-*", sas_url(container), "m"))
    assert blobs(container) == {f"m/many-{number}": str(number) for number in range(60)}


def test_the_log_of_the_uploads_can_be_uploaded(
    storage: Storage, container: ContainerClient, task: str
) -> None:
    run(task, storage, output_file("../fileupload*.txt", sas_url(container)))
    assert set(blobs(container)) == LOGS
    assert "fileuploadout.txt" in log(task, "fileuploadout.txt")
    assert log(task, "fileuploaderr.txt") == ""


def test_a_missing_container(storage: Storage, container: ContainerClient, task: str) -> None:
    url = sas_url(container, suffix="-missing")
    failure = failure_of(task, storage, output_file("a.txt", url))
    assert failure.code == "FileUploadContainerNotFound"
    assert failure.category is ErrorCategory.USER_ERROR
    assert failure.message == (
        "One of the specified Azure container(s) was not found while attempting to upload an output file"
    )
    assert failure.details["FilePath"] == f"{task}/wd/a.txt"
    assert failure.details["ContainerUrl"].startswith(f"{container.url}-missing")
    entry = json.loads(log(task, "fileuploaderr.txt"))
    assert entry["code"] == "FileUploadContainerNotFound"
    assert entry["user_error"] is True
    assert entry["pattern"] == "a.txt"
    assert entry["file"] == f"{task}/wd/a.txt"


def test_a_missing_container_is_not_missed_without_files(
    storage: Storage, container: ContainerClient, task: str
) -> None:
    run(task, storage, output_file("missing.txt", sas_url(container, suffix="-missing")))


@pytest.mark.parametrize("options", [{"permission": "r"}, {"hours": -1}])
def test_a_signature_that_does_not_allow_it(
    storage: Storage, container: ContainerClient, task: str, options: dict[str, int | str]
) -> None:
    url = sas_url(container, **options)  # type: ignore[arg-type]
    failure = failure_of(task, storage, output_file("a.txt", url))
    assert failure.code == "FileUploadAccessDenied"
    assert failure.category is ErrorCategory.USER_ERROR


def test_a_blob_that_somebody_holds(storage: Storage, container: ContainerClient, task: str) -> None:
    lease = BlobLeaseClient(container.upload_blob("a.txt", b""))
    lease.acquire()
    failure = failure_of(task, storage, output_file("a.txt", sas_url(container)))
    assert failure.code == "FileUploadConflict"


def test_nobody_there(storage: Storage, task: str) -> None:
    failure = failure_of(task, storage, output_file("a.txt", "http://127.0.0.1:1/account/container"))
    assert failure.code == "FileUploadMiscError"
    assert failure.category is ErrorCategory.SERVER_ERROR


def test_a_file_name_that_is_no_text(storage: Storage, container: ContainerClient, task: str) -> None:
    with open(os.fsencode(f"{task}/wd/") + b"\xff.txt", "w"):
        pass
    failure = failure_of(task, storage, output_file("*.txt", sas_url(container)))
    assert failure.code == "FileUploadMiscError"
    assert failure.details["FilePath"].encode()
    assert list(blobs(container)) == ["a.txt"]


def test_one_failure_does_not_keep_other_files_back(
    storage: Storage, container: ContainerClient, task: str
) -> None:
    missing = sas_url(container, suffix="-missing")
    denied = sas_url(container, permission="r")
    failure = failure_of(
        task,
        storage,
        output_file("out/*", missing),
        output_file("out/*", denied),
        output_file("**/*", sas_url(container)),
    )
    assert failure.code == "FileUploadContainerNotFound"  # the first in the order of the output files
    assert list(blobs(container)) == ["a.txt", "out/b.txt", "out/deep/c.bin"]
    codes = {json.loads(line)["code"] for line in log(task, "fileuploaderr.txt").splitlines()}
    assert codes == {"FileUploadContainerNotFound", "FileUploadAccessDenied"}


def test_no_signature_is_told(storage: Storage, container: ContainerClient, task: str) -> None:
    url = sas_url(container, suffix="-missing")
    signature = url.split("sig=")[1].split("&")[0]
    failure = failure_of(task, storage, output_file("a.txt", url))
    assert signature not in str(failure) + "".join(log(task, name) for name in LOGS)


def test_what_a_node_could_upload_passes(container: ContainerClient) -> None:
    check(output_file("a.txt", sas_url(container)))


@pytest.mark.parametrize(
    "refused",
    [
        output_file("", "http://host/container"),
        output_file("a.txt", "http://host/"),
        output_file("a.txt", "container"),
        OutputFile(
            file_pattern="a.txt",
            destination=OutputFileDestination(),
            upload_options=UploadOptions(upload_condition=UploadCondition.TASK_SUCCESS),
        ),
    ],
)
def test_what_no_node_could_upload_is_refused(refused: OutputFile) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        check(refused)
