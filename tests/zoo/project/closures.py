import functools


def counter():
    count = 0

    def up():
        nonlocal count
        count += 1
        return count

    def read():
        return count

    return up, read


def make_recursive():
    def even(number):
        return number == 0 or odd(number - 1)

    def odd(number):
        return number != 0 and even(number - 1)

    return even


UP, READ = counter()
EVEN = make_recursive()


def ping(number):
    return ["ping", *pong(number - 1)] if number else []


def pong(number):
    return ["pong", *ping(number - 1)] if number else []


def logged(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function.__name__, function(*args, **kwargs)

    return wrapper


@logged
def decorated(value, *, more=2):
    """Says so."""
    return value + more


def late():
    def inner():
        return unbound  # noqa: F821 - bound later

    if ping(0):
        unbound = 1  # noqa: F841
    return inner


def make_class(base):
    class Local:
        def value(self):
            return base, __class__.__name__, type(self) is Local

    return Local


def arguments():
    return make_class(3)(), (functools.partial(decorated, more=5), functools.partial("{}-{}".format, 1))


def show(local, partials):
    UP()
    UP()
    try:
        late()()
    except NameError as error:
        unbound = str(error)
    return (
        READ(),
        EVEN(10),
        EVEN(7),
        ping(3),
        decorated(1),
        (decorated.__doc__, decorated.__wrapped__(1), decorated.__name__),
        unbound,
        local.value(),
        [partial(2) for partial in partials],
    )


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
