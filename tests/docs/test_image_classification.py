"""The example that classifies photographs, in the image that services/example_image.sh has made."""

from __future__ import annotations

import re
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from tests.azurebatch.conftest import POOL, container_pool, variables
from tests.support.batch import connect, wait_for_nodes
from tests.support.emulator import AT_ONCE, MakeEmulator

pytestmark = [pytest.mark.azurite, pytest.mark.docker]

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "image_classification.py"
IMAGE = f"remotebatch-test/image-classification:{sys.version_info[0]}.{sys.version_info[1]}"
CLASSES = {
    "chelsea.png": "Egyptian cat",
    "coffee.png": "espresso",
    "rocket.jpg": "missile",
    "grace_hopper.jpg": "military uniform",
    "china.jpg": "palace",
    "flower.jpg": "daisy",
}


def found(surroundings: Any, *arguments: str) -> dict[str, str]:
    """Run the example; return the table that it prints, photograph → class."""
    ended = surroundings.run("python", str(EXAMPLE), IMAGE, *arguments)
    assert ended.returncode == 0, ended.stdout
    assert "EfficientNet-Lite0, pretrained on ImageNet" in ended.stdout
    return dict(re.findall(r"^│ (\S+) +│ (.+?) +│ +\d+% │ cpu ", ended.stdout, re.MULTILINE))


def test_files_on_this_machine(surroundings: Any) -> None:
    names = ("flower.jpg", "china.jpg")
    files = [str(resources.files("sklearn.datasets.images") / name) for name in names]
    assert found(surroundings, *files) == {name: CLASSES[name] for name in names}


def test_samples_on_a_pool_of_azure_batch(surroundings: Any, make_emulator: MakeEmulator) -> None:
    emulator = make_emulator(timings=AT_ONCE)
    with connect(emulator) as client:
        client.create_pool(container_pool(POOL))
        wait_for_nodes(client, POOL)
        surroundings.environment.update(variables(emulator))
        assert found(surroundings, "--provider", "AzureBatch", "--pool", POOL) == CLASSES
