from farm.plugins import Plugin, handles


@handles("feed")
def feed(amount):
    return amount * 2


class Feeder(Plugin, kind="feeder"):
    pass
