"""Objects of the standard library at the top of a script."""

import array
import collections
import datetime
import decimal
import fractions
import itertools
import pathlib
import queue
import random
import re
import string
import types
import uuid
import zoneinfo

PATTERN = re.compile(r"(\d+)")
NAMESPACE = types.SimpleNamespace(a=1)
COUNTS = collections.Counter("hello")
DEFAULTS = collections.defaultdict(list, a=[1])
CHAIN = collections.ChainMap({"a": 1}, {"b": 2})
QUEUE = queue.Queue()
QUEUE.put(3)
WHEN = datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone.utc)
ZONE = zoneinfo.ZoneInfo("UTC")
NUMBERS = array.array("i", [1, 2])
VIEW = types.MappingProxyType({"x": 1})
RANDOM = random.Random(7)
IDENTITY = uuid.UUID(int=5)
TEMPLATE = string.Template("$a!")
ORDERED = collections.OrderedDict(b=1, a=2)
WINDOW = collections.deque([1, 2, 3], maxlen=2)
DEBUG_VIEW = DEFAULTS.keys()
NOTHING = object()


def identity(value=NOTHING):
    return value is NOTHING


def show():
    return (
        PATTERN.findall("a1b22"),
        (NAMESPACE.a, COUNTS["l"], DEFAULTS["z"], CHAIN["b"], QUEUE.get_nowait()),
        (WHEN.isoformat(), str(ZONE), NUMBERS.tolist(), VIEW["x"], RANDOM.random(), IDENTITY.int),
        (TEMPLATE.substitute(a=1), list(ORDERED), list(WINDOW), list(DEBUG_VIEW), identity()),
        (fractions.Fraction(1, 3), decimal.Decimal("1.5"), pathlib.PurePosixPath("a/b").name),
        list(itertools.islice(itertools.count(3), 2)),
    )


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
