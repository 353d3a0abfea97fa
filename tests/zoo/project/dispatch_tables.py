import operator

import tools


def add(left, right):
    return left + right


TABLE = {"add": add, "mul": operator.mul, "square": tools.square, "neg": lambda value: -value}
TABLE["again"] = lambda left, right: TABLE["add"](left, right)


def show():
    return (
        TABLE["add"](1, 2),
        TABLE["mul"](2, 3),
        TABLE["square"](4),
        TABLE["neg"](1),
        TABLE["again"](3, 4),
        sorted(tools.TABLE),
    )


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
