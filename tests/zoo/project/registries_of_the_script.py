HANDLERS = {}
CLASSES = []


def handles(name):
    def register(function):
        HANDLERS[name] = function
        return function

    return register


class Base:
    known = {}

    def __init_subclass__(cls, key, **kwargs):
        super().__init_subclass__(**kwargs)
        Base.known[key] = cls
        CLASSES.append(cls.__name__)


class First(Base, key="first"):
    pass


class Second(First, key="second"):
    def name(self):
        return "second"


@handles("double")
def double(number):
    return 2 * number


def show():
    class Third(Base, key="third"):
        pass

    found = {key: cls.__name__ for key, cls in Base.known.items()}
    return found, CLASSES, {key: call(2) for key, call in HANDLERS.items()}, Base.known["second"]().name()


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
