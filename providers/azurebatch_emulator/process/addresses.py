"""Ports of this machine to listen on."""

from __future__ import annotations

import errno
import random
import socket
from collections.abc import Iterable

from remotebatch.errors import ProviderError

# below the ports that Linux gives to outgoing connections, one of which could take a port between two starts
_FREE_RANGE = range(20_000, 32_000)


class PortTaken(ProviderError):
    """Another program listens on a port that is wanted."""


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Ports that are free just now."""
    found: list[int] = []
    for port in random.sample(_FREE_RANGE, len(_FREE_RANGE)):
        if _binding_error(host, port) is None:
            found.append(port)
        if len(found) == count:
            return found
    raise ProviderError(f"{host} has no {count} free ports from {_FREE_RANGE[0]} to {_FREE_RANGE[-1]}")


def require_free(host: str, ports: Iterable[int], what: str) -> None:
    """Refuse ports that cannot be listened on.

    :param what: what is to listen there, for the message.
    :raises PortTaken: if another program has one of them.
    """
    for port in ports:
        error = _binding_error(host, port)
        if error is None:
            continue
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(f"port {port} of {host}, for {what}, is taken by another program; choose another")
        raise ProviderError(f"{what} cannot listen on port {port} of {host}: {error}")


def _binding_error(host: str, port: int) -> OSError | None:
    try:
        [(family, kind, protocol, _, address), *_] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # past connections do not count
            listener.bind(address)
            listener.listen()
    except OSError as error:
        return error
    return None
