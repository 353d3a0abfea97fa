from farm import *  # noqa: F403
from farm.names import *  # noqa: F403
from os.path import *  # noqa: F403


def show():
    return VISIBLE, _hidden, join("a", "b"), "other" in globals()  # noqa: F405


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
