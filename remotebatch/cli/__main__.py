"""``python -m remotebatch.cli``."""

from remotebatch.cli import main

main(prog_name="remotebatch")
