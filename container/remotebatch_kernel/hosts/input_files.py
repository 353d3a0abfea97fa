"""Input files: copies in the working directory, so that a task may change them as it likes."""

from __future__ import annotations

import os


def place_files(directory: str, files: dict[str, str]) -> None:
    """Copy each file to its name in the directory, making folders as needed."""
    if not files:
        return
    import shutil  # it loads every compression library there is, for which fork servers have no use

    for name, source in files.items():
        target = os.path.join(directory, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(source, target)
