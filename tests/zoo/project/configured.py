import settings
from settings import configure


def show():
    before = settings.DEBUG, settings.current()
    configure(True)
    return before, settings.DEBUG, settings.current(), settings.DEFAULT_SIZE


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
