"""``python -m remotebatch_local.agent ROOT [--slots N] [--gpus N]``."""

from remotebatch_local.agent.server import main

main()
