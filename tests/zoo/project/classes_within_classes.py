class Outer:
    count = 0

    class Inner:
        class Deep:
            value = "deep"

            def up(self):
                return Outer.Inner.Deep is type(self)

    def __init__(self):
        Outer.count += 1

    def __init_subclass__(cls):
        cls.registered = cls.__name__

    @staticmethod
    def static():
        return "static"

    @classmethod
    def alternative(cls):
        return cls()

    def __call__(self, *values):
        return sum(values)

    def method(self):
        return __class__.__qualname__


class Left(Outer):
    def method(self):
        return "left " + super().method()


class Right(Outer):
    def method(self):
        return "right " + super().method()


class Both(Left, Right):
    __hash__ = None

    def method(self):
        return "both " + super(Both, self).method()

    def __eq__(self, other):
        return True

    def __class_getitem__(cls, item):
        return item


def arguments():
    return Both(), Outer.Inner.Deep(), Outer().method, Both.alternative, Outer(), Outer.static


def show(both, deep, bound, classmethod_, callable_, static):
    return (
        both.method(),
        [cls.__name__ for cls in Both.__mro__],
        (deep.up(), deep.value, Outer.Inner.Deep.__qualname__),
        (bound(), type(classmethod_()).__name__, callable_(1, 2), static()),
        (Both.registered, Both[3], both == 4, Both.__hash__),
        both,
        Outer.count > 0,
    )


def judge(result):
    return result[:5], result[6], isinstance(result[5], Both), type(result[5]) is Both


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
