"""Container images for tasks: built from a requirements file by the local Docker engine, and pushed."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Protocol

from remotebatch.errors import InvalidSetting, ProviderError

_DOCKERFILE = ".remotebatch.Dockerfile"
"""Its name in the build context, beside the user's files."""
_NEVER_SENT = ("**/.git", "**/.venv", "**/__pycache__")
_LONGEST_SILENCE = 3600.0
"""Seconds for which a step of a build, or a registry, may say nothing."""
_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"
_ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_STEP = re.compile(r"Step \d+/\d+ : ")
_CONTAINERS = re.compile(r" ---> |Removing intermediate container ")
"""What the engine says of the containers and layers that it makes for a step."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_COMMENT = re.compile(r"(^|\s)#.*")
_REFUSED = re.compile(r"unauthorized|denied|authentication required|no basic auth|forbidden", re.IGNORECASE)


class Watcher(Protocol):
    """Is told how a build or a push goes on."""

    def line(self, text: str) -> None:
        """A line that the engine, or a program in the build, has written."""

    def transfer(self, layer: str, doing: str, done: int | None, total: int | None) -> None:
        """What happens to a layer; ``done`` and ``total`` are bytes, None where the engine tells none."""


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


@dataclass(frozen=True)
class PushedImage:
    """An image at its registry."""

    name: str
    """As ``container_image`` takes it."""
    digest: str | None
    """``name@digest`` is this very image, whatever is pushed under its name later."""


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
    with _engine() as engine:
        _check_name(name)
        with closing(_context(file, "Dockerfile.cuda" if cuda else "Dockerfile")) as context:
            events = engine.api.build(
                fileobj=context,
                custom_context=True,
                dockerfile=_DOCKERFILE,
                tag=name,
                buildargs=arguments,
                platform=platform,
                rm=True,
                forcerm=True,
                decode=True,
                timeout=_LONGEST_SILENCE,
            )
            _follow_build(events, watcher)
        image = engine.images.get(name)
        return BuiltImage(
            name=name,
            platform=f"{image.attrs['Os']}/{image.attrs['Architecture']}",
            python=_python_in(engine, name),
        )


def push(name: str, watcher: Watcher, *, registry: str | None = None, user: str | None = None) -> PushedImage:
    """Push an image to its registry.

    :param name: the image's name on the local engine.
    :param registry: server to push it to, under the same name; by default the one that the name begins with.
    :param user: user whose password ``remotebatch login registry`` has saved; by default Docker's own login.
    :raises InvalidSetting: if there is no such image, or no registry is named.
    :raises ProviderError: if no engine answers, or the registry refuses.
    """
    with _engine() as engine:
        from docker.auth import resolve_repository_name
        from docker.errors import DockerException, ImageNotFound
        from docker.utils import parse_repository_tag

        _check_name(name)
        try:
            image = engine.images.get(name)
        except ImageNotFound:
            raise InvalidSetting(
                f"there is no image {name!r} on this machine; 'remotebatch image build' makes one"
            ) from None
        repository, tag = parse_repository_tag(name)
        if registry:
            repository = f"{registry}/{resolve_repository_name(repository)[1]}"
        elif "/" not in repository:
            raise InvalidSetting(f"{name!r} names no registry: add --registry, such as myregistry.azurecr.io")
        server = resolve_repository_name(repository)[0]
        login = {"username": user, "password": _password(server, user)} if user else None
        tag = tag or "latest"
        image.tag(repository, tag)
        engine.api.timeout = _LONGEST_SILENCE
        try:
            events = engine.api.push(repository, tag=tag, stream=True, decode=True, auth_config=login)
            digest = _follow_push(events, watcher)
        except (DockerException, _Failed) as error:
            raise ProviderError(_explain_refusal(f"{repository}:{tag}", server, str(error))) from error
    return PushedImage(f"{repository}:{tag}", digest)


def own_python() -> str:
    """Minor version of the caller's Python: functions travel between equal ones only."""
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


class _Failed(Exception):
    """The engine's own words for why it stopped."""


@contextmanager
def _engine() -> Iterator[Any]:
    try:
        import docker
    except ImportError:
        raise ProviderError(
            "images are built and pushed through the docker package: pip install 'remotebatch[docker]'"
        ) from None
    from requests import RequestException

    try:
        engine = docker.from_env()
        engine.ping()
    except (docker.errors.DockerException, RequestException) as error:
        raise ProviderError(
            f"images need a running Docker engine, and none answers: {error}. "
            "Start it, or name it in DOCKER_HOST"
        ) from error
    with closing(engine):
        try:
            yield engine
        except (docker.errors.DockerException, RequestException) as error:
            raise ProviderError(
                f"the Docker engine: {getattr(error, 'explanation', None) or error}"
            ) from error


def _default_tag(directory: Path) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", directory.name.lower()).strip("-")
    return f"remotebatch-{words or 'image'}"


def _check_name(name: str) -> None:
    from docker.utils import match_tag

    if not match_tag(name):
        raise InvalidSetting(f"{name!r} is no name for an image: use lower case, such as my-image:1")


def _context(requirements: Path, dockerfile: str) -> Any:
    """What is sent to the engine, a tar file: the Dockerfile, the requirements, the files that they name."""
    from docker.utils.build import create_archive

    text = resources.files("remotebatch_images").joinpath(dockerfile).read_text()
    files = sorted(_files_to_send(requirements))
    return create_archive(str(requirements.parent), files, extra_files=[(_DOCKERFILE, text)])


def _files_to_send(requirements: Path) -> set[str]:
    """Paths, relative to the requirements file's directory, of itself and of all that it names on disk."""
    root = requirements.parent
    files: set[str] = set()
    unread = [requirements]
    while unread:
        file = unread.pop()
        files.add(_relative(file, root, file))
        further, paths = _named_in(file, root)
        unread += [path for path in further if _relative(path, root, file) not in files]
        for path in paths:
            files |= _contents(path, root) if path.is_dir() else {_relative(path, root, file)}
    return files


def _named_in(file: Path, root: Path) -> tuple[list[Path], list[Path]]:
    """What a requirements file names on disk: further requirements files; wheels, projects, directories."""
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSetting(f"the requirements cannot be read: {error}") from error
    further: list[Path] = []
    paths: list[Path] = []
    for line in text.replace("\\\n", "").splitlines():
        try:
            options, rest = _OPTIONS.parse_known_args(shlex.split(_COMMENT.sub("", line)))
        except (ValueError, argparse.ArgumentError) as error:
            raise InvalidSetting(f"{file}: {line.strip()!r}: {error}") from None
        # as pip looks for them: further files beside the one that names them, packages where it runs
        further += [file.parent / name for name in options.requirement + options.constraint if _is_here(name)]
        paths += [file.parent / name for name in options.find_links if _is_here(name)]
        packages = options.editable + [word for word in rest if _is_path(word)]
        paths += [root / name.partition("[")[0] for name in packages if _is_here(name)]
    return further, paths


def _options() -> argparse.ArgumentParser:
    """pip's options that name files."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for short, long in (
        ("-r", "requirement"),
        ("-c", "constraint"),
        ("-f", "find-links"),
        ("-e", "editable"),
    ):
        parser.add_argument(short, f"--{long}", action="append", default=[])
    return parser


_OPTIONS = _options()


def _is_here(name: str) -> bool:
    return "://" not in name


def _is_path(word: str) -> bool:
    """Whether a word of a requirements file is a path, by pip's own rule."""
    path = word.partition("[")[0]
    return not word.startswith("-") and (word.startswith(".") or os.sep in path or path.endswith(_ARCHIVES))


def _relative(path: Path, root: Path, named_by: Path) -> str:
    inside = os.path.relpath(path, root)
    if inside == os.pardir or inside.startswith(os.pardir + os.sep):
        raise InvalidSetting(f"{named_by} names {path}, which must lie in {root} or below to be in the image")
    if not path.exists():
        raise InvalidSetting(f"{named_by} names {path}, which does not exist")
    return inside


def _contents(directory: Path, root: Path) -> set[str]:
    """All that is below a directory, but for what its ``.dockerignore`` excludes."""
    from docker.utils.build import exclude_paths

    inside = _relative(directory, root, directory)
    patterns = list(_NEVER_SENT)
    ignore = directory / ".dockerignore"
    if ignore.is_file():
        patterns += [
            line.strip() for line in ignore.read_text().splitlines() if _COMMENT.sub("", line).strip()
        ]
    return {os.path.normpath(os.path.join(inside, path)) for path in exclude_paths(str(directory), patterns)}


def _follow_build(events: Iterable[Mapping[str, Any]], watcher: Watcher) -> None:
    step, rest = "", ""
    said: deque[str] = deque(maxlen=50)
    for event in events:
        if "error" in event:
            said.append(_COLOUR.sub("", rest))
            raise ProviderError(_explain_failure(step, [line for line in said if line.strip()], event))
        *lines, rest = (rest + event.get("stream", "")).split("\n")
        for line in lines:
            text = _COLOUR.sub("", line).rstrip().rpartition("\r")[2]
            if not text or _CONTAINERS.match(text):
                continue
            if _STEP.match(text):
                step = text
                said.clear()
            else:
                said.append(text)
            watcher.line(text)
        _tell_transfer(event, watcher)


def _explain_failure(step: str, said: list[str], event: Mapping[str, Any]) -> str:
    reason = str(event["error"]).strip()
    if "code" in event.get("errorDetail", {}):  # a program of the build ended so: its last words say why
        errors = [line for line in said if line.startswith("ERROR")] or said[-1:]
        reason = f"it ended with exit code {event['errorDetail']['code']}: " + " ".join(errors)
    return f"the image was not built. {step.removesuffix('.')}: {reason}"


def _follow_push(events: Iterable[Mapping[str, Any]], watcher: Watcher) -> str | None:
    digest = None
    for event in events:
        if "error" in event:
            raise _Failed(event["error"])
        digest = event.get("aux", {}).get("Digest", digest)
        _tell_transfer(event, watcher)
    return digest


def _tell_transfer(event: Mapping[str, Any], watcher: Watcher) -> None:
    if "id" in event and "status" in event:
        detail = event.get("progressDetail") or {}
        watcher.transfer(event["id"], event["status"], detail.get("current"), detail.get("total"))


def _python_in(engine: Any, name: str) -> str:
    from docker.errors import ContainerError

    try:
        said = engine.containers.run(name, ["python3", "-c", _VERSION], remove=True, network_disabled=True)
    except ContainerError as error:
        raise ProviderError(f"the image {name!r} was built, but its python3 does not run: {error}") from error
    return str(said.decode().strip())


def _password(server: str, user: str) -> str:
    from remotebatch_azurebatch.accounts.credentials import registry_password

    return registry_password(server, user)


def _explain_refusal(name: str, server: str, reason: str) -> str:
    if not _REFUSED.search(reason):
        return f"{name} was not pushed: {reason}"
    login = f"docker login {server}"
    if server.endswith(".azurecr.io"):
        login = f"az acr login --name {server.partition('.')[0]}"
    return (
        f"{name} was not pushed: {reason}. Log in with '{login}'; "
        f"or with 'remotebatch login registry {server} --user USER', and push with --user USER"
    )
