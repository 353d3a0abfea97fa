import farm.plugin_feed  # noqa: F401 - by its effect alone
from farm import plugins


def show():
    return plugins.HANDLERS["feed"](4), plugins.KINDS


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
