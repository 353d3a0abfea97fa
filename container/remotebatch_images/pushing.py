"""Pushing an image to its registry."""

from __future__ import annotations

import re
from dataclasses import dataclass

from remotebatch.errors import InvalidSetting, ProviderError
from remotebatch_images import engine
from remotebatch_images.passwords import saved_password
from remotebatch_images.progress import PushFailed, Watcher, follow_push

_REFUSED = re.compile(r"unauthorized|denied|authentication required|no basic auth|forbidden", re.IGNORECASE)


@dataclass(frozen=True)
class PushedImage:
    """An image at its registry."""

    name: str
    """As ``container_image`` takes it."""
    digest: str | None
    """``name@digest`` is this very image, whatever is pushed under its name later."""


def push(name: str, watcher: Watcher, *, registry: str | None = None, user: str | None = None) -> PushedImage:
    """Push an image to its registry.

    :param name: the image's name on the local engine.
    :param registry: server to push it to, under the same name; by default the one that the name begins with.
    :param user: user whose password ``remotebatch login registry`` has saved; by default Docker's own login.
    :raises InvalidSetting: if there is no such image, or no registry is named.
    :raises ProviderError: if no engine answers, or the registry refuses.
    """
    with engine.connected() as client:
        from docker.auth import resolve_repository_name
        from docker.errors import DockerException, ImageNotFound
        from docker.utils import parse_repository_tag

        engine.check_name(name)
        try:
            image = client.images.get(name)
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
        login = {"username": user, "password": saved_password(server, user)} if user else None
        tag = tag or "latest"
        image.tag(repository, tag)
        client.api.timeout = engine.LONGEST_SILENCE
        try:
            events = client.api.push(repository, tag=tag, stream=True, decode=True, auth_config=login)
            digest = follow_push(events, watcher)
        except (DockerException, PushFailed) as error:
            raise ProviderError(_explain_refusal(f"{repository}:{tag}", server, str(error))) from error
    return PushedImage(f"{repository}:{tag}", digest)


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
