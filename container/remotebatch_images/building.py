"""Container images for tasks, built from a requirements file by the local Docker engine."""

from __future__ import annotations

import re
import sys
from contextlib import closing
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from remotebatch.errors import InvalidSetting, ProviderError
from remotebatch_images import engine
from remotebatch_images.progress import Watcher, follow_build
from remotebatch_images.requirements import files_named

_DOCKERFILE = ".remotebatch.Dockerfile"
"""Its name in the build context, beside the user's files."""
_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"


@dataclass(frozen=True)
class BuiltImage:
    """An image on the local engine."""

    name: str
    """As ``container_image`` takes it."""
    platform: str
    """Such as ``linux/amd64``."""
    python: str
    """Minor version of its ``python3``, such as ``3.12``."""

    @property
    def registry(self) -> str | None:
        """The registry that its name begins with, None where it begins with none."""
        first, slash, _ = self.name.partition("/")
        return first if slash and (first == "localhost" or "." in first or ":" in first) else None


def build(
    requirements: Path,
    watcher: Watcher,
    *,
    tag: str | None = None,
    base: str | None = None,
    python: str | None = None,
    cuda: bool = False,
    platform: str | None = None,
) -> BuiltImage:
    """Build an image that has the packages of a requirements file.

    :param requirements: the file. What it names on disk (wheels, further files) must lie beside it or below;
        nothing else is sent to the engine.
    :param tag: the image's name; by default made of the name of the file's directory.
    :param base: the image to start from; by default the official one of Python, or NVIDIA's of CUDA.
    :param python: minor version of Python, by default the caller's. A base without CUDA brings its own.
    :param cuda: whether the image is for NVIDIA GPUs.
    :param platform: such as ``linux/amd64``; by default the engine's own.
    :raises InvalidSetting: if an argument or the file is wrong; nothing was built.
    :raises ProviderError: if no engine answers, or the build failed: naming the step and what it said.
    """
    if base and python and not cuda:
        raise InvalidSetting(
            "give either a base image or a version of Python: the base brings its own Python"
        )
    file = requirements.resolve()
    name = tag or _default_tag(file.parent)
    arguments = {"REQUIREMENTS": file.name, "PYTHON": python or own_python()}
    if base:
        arguments["BASE"] = base
    with engine.connected() as client:
        engine.check_name(name)
        with closing(_context(file, "Dockerfile.cuda" if cuda else "Dockerfile")) as context:
            events = client.api.build(
                fileobj=context,
                custom_context=True,
                dockerfile=_DOCKERFILE,
                tag=name,
                buildargs=arguments,
                platform=platform,
                rm=True,
                forcerm=True,
                decode=True,
                timeout=engine.LONGEST_SILENCE,
            )
            follow_build(events, watcher)
        image = client.images.get(name)
        return BuiltImage(
            name=name,
            platform=f"{image.attrs['Os']}/{image.attrs['Architecture']}",
            python=_python_in(client, name),
        )


def own_python() -> str:
    """Minor version of the caller's Python: functions travel between equal ones only."""
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def _default_tag(directory: Path) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", directory.name.lower()).strip("-")
    return f"remotebatch-{words or 'image'}"


def _context(requirements: Path, dockerfile: str) -> Any:
    """What is sent to the engine, a tar file: the Dockerfile, the requirements, the files that they name."""
    from docker.utils.build import create_archive

    text = resources.files("remotebatch_images").joinpath(dockerfile).read_text()
    files = sorted(files_named(requirements))
    return create_archive(str(requirements.parent), files, extra_files=[(_DOCKERFILE, text)])


def _python_in(client: Any, name: str) -> str:
    from docker.errors import ContainerError

    try:
        said = client.containers.run(name, ["python3", "-c", _VERSION], remove=True, network_disabled=True)
    except ContainerError as error:
        raise ProviderError(f"the image {name!r} was built, but its python3 does not run: {error}") from error
    return str(said.decode().strip())
