"""The local Docker engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from remotebatch.errors import InvalidSetting, ProviderError

LONGEST_SILENCE = 3600.0
"""Seconds for which a step of a build, or a registry, may say nothing."""


@contextmanager
def connected() -> Iterator[Any]:
    """The engine's client, for as long as the context lasts.

    :raises ProviderError: if none answers, or it refuses a request within the context.
    """
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


def check_name(name: str) -> None:
    """Refuse what no image can be called.

    :raises InvalidSetting: saying what a name looks like.
    """
    from docker.utils import match_tag

    if not match_tag(name):
        raise InvalidSetting(f"{name!r} is no name for an image: use lower case, such as my-image:1")
