"""A certificate for HTTPS on this machine, signed by an authority that one data directory has for itself."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass


@dataclass(frozen=True)
class Certificate:
    """Paths of the files, all in PEM."""

    authority: str
    """What a client must trust."""
    bundle: str
    """The same, and all public authorities: for variables that replace what a client trusts."""
    server: str
    """The server's certificate."""
    server_key: str
    """The server's private key."""

    @property
    def trust_variables(self) -> dict[str, str]:
        """Variables that have Python's and OpenSSL's clients, the az CLI among them, trust it."""
        return {"REQUESTS_CA_BUNDLE": self.bundle, "SSL_CERT_FILE": self.bundle}


def certificate_in(directory: str) -> Certificate:
    """Where the files of a directory lie."""
    names = ("ca.pem", "ca-bundle.pem", "server.pem", "server-key.pem")
    return Certificate(*(os.path.join(directory, name) for name in names))


def make_certificate(directory: str, host: str) -> Certificate:
    """Issue a certificate for this machine's names and an address; the authority is made only once.

    :param directory: for the files; made if need be.
    :param host: the address that is listened on.
    """
    import certifi
    import trustme

    os.makedirs(directory, mode=0o700, exist_ok=True)
    files = certificate_in(directory)
    authority_key = os.path.join(directory, "ca-key.pem")
    if os.path.exists(files.authority):
        authority = trustme.CA.from_pem(_read(files.authority), _read(authority_key))
    else:
        authority = trustme.CA(organization_name="remotebatch emulator")
        _write(authority_key, authority.private_key_pem.bytes())
        _write(files.bundle, certifi.contents().encode() + authority.cert_pem.bytes())
        _write(files.authority, authority.cert_pem.bytes())  # last: with it, the others are there
    server = authority.issue_cert(*{"localhost", "127.0.0.1", "::1", host, socket.gethostname()})
    _write(files.server_key, server.private_key_pem.bytes())
    _write(files.server, b"".join(part.bytes() for part in server.cert_chain_pems))
    return files


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _write(path: str, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
