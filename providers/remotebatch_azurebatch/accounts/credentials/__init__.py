"""Credentials for Azure: found, asked for, verified, and kept in the system's keyring and nowhere else."""

from __future__ import annotations

from remotebatch_azurebatch.accounts.credentials.registries import registry_password
from remotebatch_azurebatch.accounts.credentials.search import find_connection

__all__ = ["find_connection", "registry_password"]
