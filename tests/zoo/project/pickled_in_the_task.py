import copy
import pickle


class Point:
    def __init__(self, x):
        self.x = x

    class Inner:
        pass


class Slotted:
    __slots__ = ("x", "y")


def double(number):
    return 2 * number


def show():
    slotted = Slotted()
    slotted.x = 5
    point = pickle.loads(pickle.dumps(Point(3)))
    again = pickle.loads(pickle.dumps(slotted))
    return (
        point.x,
        type(point) is Point,
        pickle.loads(pickle.dumps(double)) is double,
        again.x,
        hasattr(again, "__dict__"),
        pickle.loads(pickle.dumps(Point.Inner)) is Point.Inner,
        copy.deepcopy(point).x,
    )


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
