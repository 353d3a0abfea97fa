import functools
import threading
from functools import cached_property, lru_cache, singledispatch, singledispatchmethod

LOCK, RLOCK, CONDITION, EVENT = threading.Lock(), threading.RLock(), threading.Condition(), threading.Event()
LOCAL = threading.local()
SEMAPHORE, BARRIER = threading.BoundedSemaphore(2), threading.Barrier(1)
SHARED = threading.Condition(LOCK)


@lru_cache
def square(number):
    return number * number


@functools.cache
def fibonacci(number):
    return number if number < 2 else fibonacci(number - 1) + fibonacci(number - 2)


@singledispatch
def kind(value):
    return "something"


@kind.register
def _(value: int):
    return "number"


@kind.register(list)
@kind.register(tuple)
def _sequence(value):
    return "items " + ", ".join(kind(item) for item in value)


class Shape:
    def __init__(self, side):
        self.side = side
        self.lock = threading.Lock()

    @cached_property
    def area(self):
        with self.lock:
            return self.side**2

    @singledispatchmethod
    def scaled(self, by):
        return "unknown"

    @scaled.register
    def _(self, by: int):
        return self.side * by

    @lru_cache(maxsize=2)
    def doubled(self):
        return 2 * self.side


SHAPE = Shape(3)


@kind.register
def _shape(value: Shape):
    return f"shape of {value.side}"


def show():
    with LOCK, RLOCK, CONDITION, SEMAPHORE:
        EVENT.set()
        BARRIER.wait(1)
        LOCAL.value = 1
    with SHARED:
        held = LOCK.locked()
    square(3)
    shape = Shape(4)
    return (
        square(3),
        square.cache_info(),
        fibonacci(30),
        fibonacci.__name__,
        kind([1, ("", shape)]),
        (shape.area, vars(shape)["area"], shape.scaled(2), shape.scaled(""), shape.doubled()),
        SHAPE.area,
        held,
        LOCK.locked(),
        EVENT.is_set(),
        sorted(cls.__name__ for cls in kind.registry),
    )


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
