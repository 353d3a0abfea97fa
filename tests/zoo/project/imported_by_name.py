import importlib
import os

WANTED = "helper" + "_named"


def show():
    literal = importlib.import_module("helper_named").answer()
    by_parts = importlib.import_module("farm.stalls.box").animals()
    relative = importlib.import_module(".stalls.box", "farm").Box.label
    return literal, by_parts, relative, importlib.import_module(WANTED).answer(), __import__("os") is os


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
