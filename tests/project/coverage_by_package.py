"""Prints how much of each package is covered, from coverage's JSON report."""

from __future__ import annotations

import json
import sys
from collections import defaultdict


def package(file: str) -> str:
    """The import package, with the room in it, that a file belongs to."""
    parts = file.split("/")
    parts = parts[1:] if parts[0] in ("providers", "container") else parts
    return ".".join(parts[: 2 if len(parts) > 2 else 1])


def main(path: str) -> None:
    """Print a line for each package."""
    covered: defaultdict[str, int] = defaultdict(int)
    lines: defaultdict[str, int] = defaultdict(int)
    with open(path) as file:
        files = json.load(file)["files"]
    for name, report in files.items():
        summary = report["summary"]
        for key in (package(name), package(name).partition(".")[0] + " in all"):
            covered[key] += summary["covered_lines"]
            lines[key] += summary["num_statements"]
    for name in sorted(lines):
        print(
            f"{name:<50} {covered[name]:>6} of {lines[name]:>6} lines"
            f" {covered[name] / max(lines[name], 1):>6.1%}"
        )


if __name__ == "__main__":
    main(sys.argv[1])
