"""What the account as a whole has: images to choose from; applications and usage there are none."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from azure.batch import BatchClient, models
from azure.core.exceptions import HttpResponseError

from tests.support.batch import code_of, new_pool, wait_for_nodes
from tests.support.definite import definite


@pytest.mark.operation("list_supported_images", "create_pool")
def test_pool_can_be_made_of_every_supported_image(client: BatchClient) -> None:
    images = list(client.list_supported_images())
    assert len({image.image_reference.sku for image in images}) == len(images) > 3
    for number, image in enumerate(images):
        assert (image.os_type, image.verification_type) == ("linux", "verified")
        assert image.image_reference.version == "latest"
        machine = models.VirtualMachineConfiguration(
            image_reference=image.image_reference, node_agent_sku_id=image.node_agent_sku_id
        )
        client.create_pool(new_pool(f"image-{number}", 1, virtual_machine_configuration=machine))
        (node,) = wait_for_nodes(client, f"image-{number}")
        assert definite(node.virtual_machine_info.image_reference).sku == image.image_reference.sku


@pytest.mark.operation("list_supported_images")
@pytest.mark.partial("list_supported_images", "some of those that Azure has; any other may be used, too")
def test_supported_images_are_listed_by_pages_and_filter(client: BatchClient) -> None:
    everything = [image.as_dict() for image in client.list_supported_images()]
    pages = [list(page) for page in client.list_supported_images(max_results=2).by_page()]
    assert [len(page) for page in pages[:-1]] == [2] * (len(pages) - 1)
    assert [image.as_dict() for page in pages for image in page] == everything
    ubuntu = client.list_supported_images(filter="nodeAgentSKUId eq 'batch.node.ubuntu 22.04'")
    assert {image.image_reference.offer for image in ubuntu} == {"0001-com-ubuntu-server-jammy"}
    assert list(client.list_supported_images(filter="osType eq 'windows'")) == []
    assert list(client.list_supported_images(filter="verificationType eq 'unverified'")) == []


@pytest.mark.operation("list_supported_images")
def test_some_images_are_made_for_containers(client: BatchClient) -> None:
    images = client.list_supported_images()
    capable = [
        image.image_reference.offer for image in images if "DockerCompatible" in (image.capabilities or ())
    ]
    assert capable == ["ubuntu-hpc"]


@pytest.mark.operation("list_applications", "get_application")
@pytest.mark.partial("list_applications", "there are none: Azure's management plane makes them")
@pytest.mark.partial("get_application", "there are none: Azure's management plane makes them")
def test_account_has_no_applications(client: BatchClient) -> None:
    assert list(client.list_applications(max_results=10)) == []
    assert code_of(lambda: client.get_application("any")) == "ApplicationNotFound"


@pytest.mark.operation("list_pool_usage_metrics")
@pytest.mark.partial("list_pool_usage_metrics", "there are none: nothing is billed")
def test_account_has_no_usage(client: BatchClient) -> None:
    assert list(client.list_pool_usage_metrics()) == []
    start, end = datetime(2026, 1, 1, tzinfo=timezone.utc), datetime(2026, 1, 2, tzinfo=timezone.utc)
    filtered = client.list_pool_usage_metrics(start_time=start, end_time=end, filter="poolId eq 'a'")
    assert list(filtered) == []


@pytest.mark.operation("list_pool_usage_metrics", "list_applications", "list_supported_images")
def test_page_sizes_that_cannot_be_are_refused(client: BatchClient) -> None:
    for lists in (
        client.list_pool_usage_metrics,
        client.list_applications,
        client.list_supported_images,
        client.list_pool_node_counts,
    ):
        with pytest.raises(HttpResponseError) as caught:
            list(lists(max_results=-5))
        assert caught.value.status_code == 400
