import collections
from typing import Generic, NamedTuple, Protocol, TypedDict, TypeVar, runtime_checkable

T = TypeVar("T")


class Point(NamedTuple):
    x: int
    y: int = 2

    def sum(self):
        return self.x + self.y


class Movie(TypedDict, total=False):
    title: str


@runtime_checkable
class Closes(Protocol):
    def close(self): ...


class Door:
    def close(self):
        return "closed"


class Stack(Generic[T]):
    def __init__(self) -> None:
        self.items: list[T] = []

    def push(self, item: T) -> "Stack[T]":
        self.items.append(item)
        return self


class Numbers(Stack[int]):
    pass


Pair = collections.namedtuple("Pair", "left right")


def arguments():
    return Point(1), Pair(1, 2)


def show(point, pair):
    return (
        point,
        point.sum(),
        point._replace(y=5),
        isinstance(point, Point),
        Point._field_defaults,
        Movie(title="x"),
        Movie.__total__,
        sorted(Movie.__annotations__),
        isinstance(Door(), Closes),
        isinstance(3, Closes),
        Stack[str]().push("a").items,
        Numbers().push(1).items,
        Numbers.__orig_bases__ == (Stack[int],),
        Stack.__parameters__ == (T,),
        pair,
        type(pair) is Pair,
    )


def judge(result):
    return result, type(result[0]) is Point, type(result[14]) is Pair


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
