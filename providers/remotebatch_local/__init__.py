"""The default provider: jobs run on this machine, in processes or containers, under a small agent.

Layers, from the client inwards: ``provider`` (what the library calls) → ``agent`` (the background process,
the protocol of its socket, and the client's side of it) → ``engine`` (jobs and their tasks, and the journal
that keeps them) → ``store`` (where files lie) and ``settings``. The engine's scheduler, runners and working
directories are those of ``remotebatch_execution``.
"""

from remotebatch_local.provider import LocalProvider
from remotebatch_local.settings import LocalSettings

__all__ = ["LocalProvider", "LocalSettings"]
