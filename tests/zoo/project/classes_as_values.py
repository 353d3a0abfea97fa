"""The script's classes as arguments and as results: the client meets its own."""


class Point:
    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        return type(other) is Point and other.x == self.x

    def __hash__(self):
        return self.x


class Tree(list):
    pass


ORIGIN = Point(0)


def double(point):
    return Point(2 * point.x)


def arguments():
    return Point(2), Point, double, {Point(1): [Point(5)]}, Tree([1])


def show(point, cls, call, mapping, tree):
    assert isinstance(point, Point) and cls is Point and call is double and Point(1) in mapping
    tree.append(tree)
    return call(point), cls, call, Tree, tree, ORIGIN


def judge(result):
    doubled, cls, call, kind, tree, origin = result
    return (
        (isinstance(doubled, Point), doubled == Point(4), cls is Point, kind is Tree),
        (call(Point(3)) == Point(6), call.__name__, tree[1] is tree, type(tree) is Tree, origin == ORIGIN),
    )


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
