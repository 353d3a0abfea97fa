import contextlib

LOG = []


@contextlib.contextmanager
def noted(name):
    LOG.append(f"enter {name}")
    try:
        yield name.upper()
    finally:
        LOG.append(f"leave {name}")


class Manager(contextlib.AbstractContextManager):
    def __exit__(self, *details):
        return True


def numbers(count):
    received = []
    for number in range(count):
        received.append((yield number))
    return received


def delegating():
    result = yield from numbers(2)
    yield result


def show():
    with noted("a") as name, contextlib.ExitStack() as stack:
        stack.callback(LOG.append, "callback")
        with Manager():
            raise ValueError
    return (
        name,
        LOG,
        list(delegating()),
        {value: value**2 for value in numbers(3)},
        sum(n for n in numbers(4)),
    )


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
