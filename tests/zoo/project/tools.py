import functools
import threading

LOCK, RLOCK, CONDITION, EVENT = threading.Lock(), threading.RLock(), threading.Condition(), threading.Event()
LOCAL = threading.local()
SEMAPHORE = threading.Semaphore(2)


@functools.lru_cache(maxsize=8)
def square(number):
    return number * number


@functools.singledispatch
def kind(value):
    return "something"


@kind.register
def _(value: int):
    return "number"


@kind.register(list)
def _list(value):
    return "list of " + ", ".join(kind(item) for item in value)


TABLE = {"square": square, "kind": kind, "lock": LOCK}
