import io
import logging

LOGGER = logging.getLogger("zoo.animals")


class Shouting(logging.Formatter):
    def format(self, record):
        return super().format(record).upper()


def show():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Shouting("%(name)s %(message)s"))
    LOGGER.addHandler(handler)
    LOGGER.warning("loud %s", "noise")
    return stream.getvalue(), LOGGER is logging.getLogger("zoo.animals"), LOGGER.getEffectiveLevel()


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
