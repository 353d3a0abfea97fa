"""The example that ``make run`` runs."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "digits_sweep.py"


def test_digits_sweep_prints_its_table_and_draws_its_picture(surroundings: Any) -> None:
    ended = surroundings.run("python", str(EXAMPLE))
    assert ended.returncode == 0, ended.stdout
    assert "48 succeeded" in ended.stdout
    accuracies = [float(text) for text in re.findall(r"(0\.\d{4}) │$", ended.stdout, re.MULTILINE)]
    assert len(accuracies) == 8
    assert accuracies == sorted(accuracies, reverse=True)
    assert 0.97 < accuracies[0] < 1

    picture = surroundings.directory / "digits_sweep.png"
    assert str(picture) in ended.stdout
    data = picture.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert 20_000 < len(data) < 500_000
    width, height = struct.unpack(">II", data[16:24])
    assert width >= 600
    assert height >= 400
