import enum


class Colour(enum.Enum):
    RED = 1
    GREEN = enum.auto()
    SCARLET = 1

    def shout(self):
        return f"{self.name}!"

    @classmethod
    def default(cls):
        return cls.GREEN

    @property
    def shade(self):
        return self.value * 10


class Planet(enum.Enum):
    EARTH = (5.97e24, 6.37e6)
    MARS = (6.42e23, 3.39e6)

    def __init__(self, mass, radius):
        self.mass = mass
        self.radius = radius


class Access(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()
    BOTH = READ | WRITE


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 9


class Word(str, enum.Enum):
    HELLO = "hello"

    def __new__(cls, text):
        member = str.__new__(cls, text)
        member._value_ = text
        member.length = len(text)
        return member

    @classmethod
    def _missing_(cls, value):
        return cls.HELLO


Made = enum.Enum("Made", ["A", "B"])


def arguments():
    return Colour.RED, Planet.EARTH, Access.BOTH


def show(colour, planet, access):
    return (
        colour is Colour.RED,
        Colour.SCARLET is Colour.RED,
        list(Colour.__members__),
        colour.shout(),
        Colour.default(),
        colour.shade,
        Colour(2).name,
        (planet.mass, Planet.MARS.radius, planet is Planet.EARTH),
        (
            access == Access.READ | Access.WRITE,
            Access.READ in access,
            repr(~Access.READ),
            Access(3) is Access.BOTH,
        ),
        (Level.HIGH > 3, Level["LOW"] + 1, sorted(Level)),
        (Word.HELLO.length, Word.HELLO.upper(), Word("nothing") is Word.HELLO),
        (Made.B, len(Made)),
    )


def judge(result):
    return result, result[4] is Colour.GREEN


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
