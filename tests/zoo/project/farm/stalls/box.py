from ..names import VISIBLE
import importlib.resources


class Box:
    label = VISIBLE


def animals():
    return importlib.resources.files("farm").joinpath("data/animals.txt").read_text().split()
