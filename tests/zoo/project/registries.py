import farm.plugin_feed
from farm.plugins import HANDLERS, KINDS


def show():
    return HANDLERS["feed"](4), KINDS, farm.plugin_feed.Feeder.kind


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
