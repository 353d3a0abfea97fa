"""The embedded default provider: jobs run on this machine, in processes or containers, under a small agent.

Layers, from the client inwards: ``provider`` (what the library calls) → ``client`` and ``wire`` (the
socket) → ``agent`` (the background process) → ``engine`` (jobs and their tasks), which stands on
``scheduler`` (who is next), ``runners`` (processes and containers), ``journal`` (what survives) and
``store`` (where files lie).
"""

from remotebatch_local.provider import LocalProvider
from remotebatch_local.settings import LocalSettings

__all__ = ["LocalProvider", "LocalSettings"]
