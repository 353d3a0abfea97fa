import typing

UserId = typing.NewType("UserId", int)
P = typing.ParamSpec("P")
T = typing.TypeVar("T", bound="Missing")


class Missing:
    def __init__(self):
        self.asked = 0

    def __bool__(self):
        return False

    def __reduce__(self):
        return "MISSING"


MISSING = Missing()


class Interned(type):
    known = {}

    def __call__(cls, *args):
        return cls.known.setdefault((cls, args), super().__call__(*args))


class Symbol(metaclass=Interned):
    def __init__(self, name):
        self.name = name


class Named(type):
    def __eq__(cls, other):
        return isinstance(other, type) and cls.__name__ == other.__name__


class Unhashable(metaclass=Named):
    pass


def arguments():
    return MISSING, [MISSING]


def show(missing, held):
    missing.asked += 1
    return (
        (missing is MISSING, held[0] is MISSING, MISSING.asked),
        (UserId(3), UserId.__name__, P.__name__, T.__name__, T.__bound__.__forward_arg__),
        (Symbol("a") is Symbol("a"), Unhashable == Unhashable),
        MISSING,
    )


def judge(result):
    return result[:3], result[3] is MISSING


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
