import sys

stream = sys.stdin  # cannot be pickled
stdin = open(__file__)  # noqa: SIM115
generator = (number for number in range(3))


class Holder:
    def __init__(self):
        self.stream, self.generator, self.stdin = "a stream", "a generator", 3


def show():
    holder = Holder()
    holder.generator += "!"
    return holder.stream, holder.generator, holder.stdin


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
