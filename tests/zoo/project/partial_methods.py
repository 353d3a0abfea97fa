import functools
import operator


class Light:
    def __init__(self):
        self.state = "off"

    def set(self, state, times=1):
        self.state = state * times
        return self.state

    on = functools.partialmethod(set, "on")

    def __lt__(self, other):
        return self.state < other.state

    def __eq__(self, other):
        return self.state == other.state


Light = functools.total_ordering(Light)
GET = operator.attrgetter("state")
CALL = operator.methodcaller("set", "x", times=3)


def arguments():
    return Light().on, functools.partial(Light.set, times=2), functools.partial(functools.partial(pow, 2), 5)


def show(on, set_, power):
    light = Light()
    return (
        on(),
        set_(light, "a"),
        power(),
        light.on(times=2),
        GET(light),
        CALL(light),
        Light() >= light,
        list(map(str.upper, ["a"])),
    )


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
