"""What lies in a task's working directory before it starts, and how tasks fail whose files cannot be had."""

from __future__ import annotations

import gzip
import os
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest
from azure.storage.blob import BlobServiceClient, ContainerClient, generate_container_sas

from azurebatch_emulator.execution.resource_files import check, fetch
from azurebatch_emulator.execution.storage import Storage
from azurebatch_emulator.protocol.failures import TaskFailure
from azurebatch_emulator.protocol.models.common import ErrorCategory, IdentityReference
from azurebatch_emulator.protocol.models.files import ResourceFile
from tests.support.resource_files import failure_of, files

BLOBS = {"data.bin": bytes(range(256)), "in/one.txt": b"one", "in/two/three.txt": b"three", "index": b"i"}
IDENTITY = IdentityReference(resource_id="/subscriptions/s/identity")


@pytest.fixture
def storage(azurite: str) -> Iterator[Storage]:
    with Storage(azurite, timeout=2) as storage:
        yield storage


@pytest.fixture
def container(azurite: str) -> Iterator[ContainerClient]:
    """A container with some blobs."""
    with BlobServiceClient.from_connection_string(azurite) as service:
        container = service.create_container(f"in-{uuid.uuid4().hex}")
        for name, content in BLOBS.items():
            container.upload_blob(name, content)
        yield container


@pytest.fixture
def wd(tmp_path: os.PathLike[str]) -> str:
    path = os.path.join(tmp_path, "wd")
    os.mkdir(path)
    return path


def sas(container: ContainerClient, permission: str = "rl", hours: int = 1) -> str:
    return generate_container_sas(
        container.account_name or "",
        container.container_name,
        account_key=container.credential.account_key,
        permission=permission,
        expiry=datetime.now(timezone.utc) + timedelta(hours=hours),
    )


def blob_url(container: ContainerClient, name: str, **options: int | str) -> str:
    return f"{container.get_blob_client(name).url}?{sas(container, **options)}"  # type: ignore[arg-type]


def test_a_blob_is_placed_where_file_path_says(storage: Storage, container: ContainerClient, wd: str) -> None:
    url = blob_url(container, "in/one.txt")
    fetch(
        [
            ResourceFile(http_url=url, file_path="a/b/c.txt"),
            ResourceFile(http_url=url, file_path="./run.sh", file_mode="0750"),
        ],
        wd,
        storage,
    )
    assert files(wd) == {"a/b/c.txt": b"one", "run.sh": b"one"}
    assert os.stat(f"{wd}/a/b/c.txt").st_mode & 0o7777 == 0o770
    assert os.stat(f"{wd}/run.sh").st_mode & 0o7777 == 0o750


def test_a_container_is_placed_whole_with_its_directories(
    storage: Storage, container: ContainerClient, wd: str
) -> None:
    container.upload_blob("in/", b"")  # as some tools mark a directory
    fetch([ResourceFile(storage_container_url=f"{container.url}?{sas(container)}")], wd, storage)
    assert files(wd) == BLOBS


def test_a_prefix_chooses_blobs_and_stays_in_their_names(
    storage: Storage, container: ContainerClient, wd: str
) -> None:
    url = f"{container.url}?{sas(container)}"
    fetch([ResourceFile(storage_container_url=url, blob_prefix="in", file_path="x/y")], wd, storage)
    assert files(wd) == {f"x/y/{name}": content for name, content in BLOBS.items() if name.startswith("in")}


def test_the_accounts_own_container_needs_no_address(
    storage: Storage, container: ContainerClient, wd: str
) -> None:
    name = container.container_name
    fetch([ResourceFile(auto_storage_container_name=name, blob_prefix="in/two")], wd, storage)
    assert files(wd) == {"in/two/three.txt": b"three"}


def test_an_identity_stands_for_a_signature(storage: Storage, container: ContainerClient, wd: str) -> None:
    blob = container.get_blob_client("in/one.txt").url
    fetch(
        [
            ResourceFile(http_url=blob, file_path="one", identity_reference=IDENTITY),
            ResourceFile(
                storage_container_url=container.url, blob_prefix="data", identity_reference=IDENTITY
            ),
        ],
        wd,
        storage,
    )
    assert files(wd) == {"one": b"one", "data.bin": BLOBS["data.bin"]}


def test_a_large_blob_arrives_whole(storage: Storage, container: ContainerClient, wd: str) -> None:
    content = os.urandom(9 * 1024 * 1024 + 1)
    container.upload_blob("large", content)
    fetch(
        [
            ResourceFile(http_url=blob_url(container, "large"), file_path="by-url"),
            ResourceFile(auto_storage_container_name=container.container_name, blob_prefix="large"),
        ],
        wd,
        storage,
    )
    assert files(wd) == {"by-url": content, "large": content}


def test_a_blob_is_not_unpacked(storage: Storage, container: ContainerClient, wd: str) -> None:
    packed = gzip.compress(b"text")
    container.upload_blob("packed", packed, headers={"x-ms-blob-content-encoding": "gzip"})
    fetch([ResourceFile(http_url=blob_url(container, "packed"), file_path="packed.gz")], wd, storage)
    assert files(wd) == {"packed.gz": packed}


def test_of_two_files_for_one_path_the_last_one_stays(
    storage: Storage, container: ContainerClient, wd: str
) -> None:
    first, last = blob_url(container, "in/one.txt"), blob_url(container, "in/two/three.txt")
    for _ in range(5):
        fetch(
            [ResourceFile(http_url=url, file_path=path) for url, path in ((first, "f"), (last, "./f"))],
            wd,
            storage,
        )
        assert files(wd) == {"f": b"three"}


def test_a_file_of_an_earlier_try_is_replaced(storage: Storage, container: ContainerClient, wd: str) -> None:
    with open(f"{wd}/f", "w") as file:
        file.write("a longer text of the first try")
    fetch([ResourceFile(http_url=blob_url(container, "index"), file_path="f")], wd, storage)
    assert files(wd) == {"f": b"i"}


@pytest.mark.parametrize(
    ("name", "options", "code"),
    [
        ("missing", {}, "BlobNotFound"),
        ("index", {"permission": "w"}, "BlobAccessDenied"),
        ("index", {"hours": -1}, "BlobAccessDenied"),
    ],
)
def test_a_blob_that_cannot_be_had(
    storage: Storage,
    container: ContainerClient,
    wd: str,
    name: str,
    options: dict[str, int | str],
    code: str,
) -> None:
    url = blob_url(container, name, **options)
    failure = failure_of(ResourceFile(http_url=url, file_path="d/f"), wd, storage)
    assert (failure.code, failure.category) == (code, ErrorCategory.USER_ERROR)
    assert failure.details["BlobSource"].startswith(url.split("sig=")[0])
    assert failure.details["FilePath"] == f"{wd}/d/f"
    assert files(wd) == {}


@pytest.mark.parametrize(
    ("suffix", "options", "code"),
    [
        ("-missing", {}, "ResourceContainerNotFound"),
        ("", {"permission": "r"}, "ResourceContainerAccessDenied"),
        ("", {"hours": -1}, "ResourceContainerAccessDenied"),
    ],
)
def test_a_container_that_cannot_be_listed(
    storage: Storage,
    container: ContainerClient,
    wd: str,
    suffix: str,
    options: dict[str, int | str],
    code: str,
) -> None:
    url = f"{container.url}{suffix}?{sas(container, **options)}"  # type: ignore[arg-type]
    if suffix:
        resource_file = ResourceFile(auto_storage_container_name=container.container_name + suffix)
    else:
        resource_file = ResourceFile(storage_container_url=url)
    failure = failure_of(resource_file, wd, storage)
    assert (failure.code, failure.category) == (code, ErrorCategory.USER_ERROR)
    assert failure.details["StorageContainerUrl"].startswith(container.url)


def test_one_missing_file_of_many_fails_the_task(
    storage: Storage, container: ContainerClient, wd: str
) -> None:
    names = ["index"] * 20 + ["missing"] + ["index"] * 20
    with pytest.raises(TaskFailure) as caught:
        fetch(
            [
                ResourceFile(http_url=blob_url(container, name), file_path=f"f{number}")
                for number, name in enumerate(names)
            ],
            wd,
            storage,
        )
    assert caught.value.details["FilePath"] == f"{wd}/f20"


def test_a_directory_in_the_way_of_a_file(storage: Storage, container: ContainerClient, wd: str) -> None:
    os.makedirs(f"{wd}/f/g")
    failure = failure_of(ResourceFile(http_url=blob_url(container, "index"), file_path="f"), wd, storage)
    assert (failure.code, failure.category) == ("ResourceFileWriteFailed", ErrorCategory.SERVER_ERROR)
    assert files(wd) == {}


def test_a_file_in_the_way_of_a_directory(storage: Storage, container: ContainerClient, wd: str) -> None:
    with open(f"{wd}/f", "w"):
        pass
    failure = failure_of(ResourceFile(http_url=blob_url(container, "index"), file_path="f/g"), wd, storage)
    assert failure.code == "ResourceDirectoryCreateFailed"


def test_a_file_name_that_is_too_long(storage: Storage, container: ContainerClient, wd: str) -> None:
    resource_file = ResourceFile(http_url=blob_url(container, "index"), file_path="n" * 300)
    assert failure_of(resource_file, wd, storage).code == "ResourceFileWriteFailed"


@pytest.mark.parametrize("name", ["../out.txt", "a/../../out.txt"])
def test_no_blobs_name_leads_out_of_the_working_directory(
    storage: Storage, container: ContainerClient, wd: str, name: str
) -> None:
    container.upload_blob(name.replace("..", "%2E%2E"), b"")
    resource_file = ResourceFile(http_url=blob_url(container, "index"), file_path=name)
    assert failure_of(resource_file, wd, storage).code == "ResourceFileCreateFailed"
    assert os.listdir(os.path.dirname(wd)) == ["wd"]


def test_no_link_of_an_earlier_try_leads_out_of_the_working_directory(
    storage: Storage, container: ContainerClient, wd: str
) -> None:
    os.symlink("..", f"{wd}/link")
    resource_file = ResourceFile(http_url=blob_url(container, "index"), file_path="link/out.txt")
    assert failure_of(resource_file, wd, storage).code == "ResourceFileCreateFailed"
    assert os.listdir(os.path.dirname(wd)) == ["wd"]


@pytest.mark.parametrize(
    "resource_file",
    [
        ResourceFile(http_url="http://host/f", file_path="f"),
        ResourceFile(http_url="HTTPS://host/f", file_path="a/../f", file_mode="755"),
        ResourceFile(storage_container_url="http://host:1/c?sig=x", blob_prefix="p", file_path="d"),
        ResourceFile(auto_storage_container_name="c"),
    ],
)
def test_what_a_node_could_fetch_passes(resource_file: ResourceFile) -> None:
    check(resource_file)


@pytest.mark.parametrize(
    ("resource_file", "reason"),
    [
        (ResourceFile(http_url="ftp://host/f", file_path="f"), "httpUrl"),
        (ResourceFile(http_url="http://host", file_path="f"), "httpUrl"),
        (ResourceFile(http_url="f", file_path="f"), "httpUrl"),
        (ResourceFile(http_url="http://[host/f", file_path="f"), "URL"),
        (ResourceFile(http_url="http://host/f", file_path="f", blob_prefix="p"), "blobPrefix"),
        (ResourceFile(storage_container_url="http://host/"), "storageContainerUrl"),
        (ResourceFile(auto_storage_container_name="c", file_path="/d"), "filePath"),
        (ResourceFile(auto_storage_container_name="c", file_path=".."), "filePath"),
        (ResourceFile(auto_storage_container_name="c", file_path="a/../../d"), "filePath"),
        (ResourceFile(auto_storage_container_name="c", file_mode="0888"), "fileMode"),
        (ResourceFile(auto_storage_container_name="c", file_mode="rwx"), "fileMode"),
    ],
)
def test_what_no_node_could_fetch_is_refused(resource_file: ResourceFile, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check(resource_file)
