import abc
import collections.abc


class Shape(abc.ABC):
    @property
    @abc.abstractmethod
    def area(self): ...

    @classmethod
    @abc.abstractmethod
    def unit(cls): ...


class Square(Shape):
    def __init__(self, side):
        self.side = side

    @property
    def area(self):
        return self.side**2

    @classmethod
    def unit(cls):
        return cls(1)


@Shape.register
class Blob:
    pass


class Duck(abc.ABC):
    @classmethod
    def __subclasshook__(cls, other):
        return hasattr(other, "quack") or NotImplemented


class Mallard:
    def quack(self): ...


class Bag(collections.abc.Sequence):
    def __getitem__(self, index):
        return [1, 2][index]

    def __len__(self):
        return 2


def show():
    try:
        Shape()
    except TypeError:
        abstract = sorted(Shape.__abstractmethods__)
    return (
        abstract,
        Square(3).area,
        Square.unit().side,
        isinstance(Blob(), Shape),
        isinstance(3, Shape),
        issubclass(Mallard, Duck),
        (list(Bag()), 2 in Bag(), Bag().index(2)),
        isinstance(Bag(), collections.abc.Sequence),
    )


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
