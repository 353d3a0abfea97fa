"""A project of a user's, for the contract about own code: modules, a package with data, and a script."""

from __future__ import annotations

SETTINGS = """
import decimal
from unittest import mock

decimal.getcontext().prec = 5
DEBUG = False

def configure(debug):
    global DEBUG
    DEBUG = debug

def turn_on():
    configure(True)

def debug(number):
    return number, DEBUG

def precision():
    return str(decimal.Decimal(1) / 3)

def configured():
    import own_settings
    before = DEBUG
    configure("on")
    seen = own_settings.DEBUG
    configure(before)
    return before, seen

def patched():
    with mock.patch("own_settings.DEBUG", "patched"):
        return DEBUG
"""

REGISTRY = """
HANDLERS = {}

def handles(name):
    def register(function):
        HANDLERS[name] = function
        return function
    return register

class Plugin:
    kinds = []

    def __init_subclass__(cls, kind):
        Plugin.kinds.append(kind)

@handles("double")
def double(number):
    return 2 * number

class First(Plugin, kind="first"):
    pass

TABLE = {"add": lambda left, right: left + right, "double": double}
TABLE["both"] = lambda number: TABLE["add"](TABLE["double"](number), 1)

def known():
    return sorted(HANDLERS), Plugin.kinds

def dispatched():
    return TABLE["both"](4), HANDLERS["triple"](2)
"""

PLUGIN = """
from own_registry import Plugin, handles

@handles("triple")
def triple(number):
    return 3 * number

class Second(Plugin, kind="second"):
    pass
"""

_CACHES = """
import functools
import threading
from dataclasses import dataclass

LOCK, CONDITION, LOCAL = threading.Lock(), threading.Condition(), threading.local()

@functools.lru_cache
def square(number):
    return number * number

@functools.singledispatch
def kind(value):
    return "something"

@kind.register
def _(value: int):
    return "number"

@dataclass(slots=True)
class Slotted:
    x: int

class Shape:
    def __init__(self, side):
        self.side = side

    @functools.cached_property
    def area(self):
        return self.side ** 2

def advance(slotted):
    return Slotted(slotted.x + 1)
"""

CACHES = f"""{_CACHES}
def use():
    with LOCK, CONDITION:
        LOCAL.value = 1
        return square(3), kind(1), kind(""), Shape(3).area, LOCK.locked()
"""

FILES = """
import importlib
import importlib.resources
import inspect
import json
from pathlib import Path

import own_package

def found_by_name():
    settings = importlib.import_module("own_settings")
    return settings.precision(), importlib.import_module(settings.__name__[:4] + "package").check(3)

def data():
    beside = Path(own_package.__file__).parent / "data" / "stock.json"
    through = importlib.resources.files("own_package").joinpath("data/stock.json")
    return json.loads(beside.read_text()), through.read_text(), Path(__file__).name

def source():  # with a remark
    return inspect.getsource(source), inspect.getsource(own_package)

def use_what_lies_elsewhere():
    import own_elsewhere
    return own_elsewhere.VALUE

def fail(number):
    return own_package.check(
        number
    )
"""

PACKAGE = """
def check(number):
    if number == 0:
        raise ValueError("nothing")  # said here
    return number
"""

MODULES = {
    "own_settings.py": SETTINGS,
    "own_registry.py": REGISTRY,
    "own_plugin.py": PLUGIN,
    "own_caches.py": CACHES,
    "own_files.py": FILES,
    "own_package/__init__.py": PACKAGE.replace("nothing", "said"),
    "own_package/data/stock.json": '{"hay": 3}',
    "own_edited.py": "def value():\n    return 'first'\n",
}

SCRIPT = f"""{_CACHES}
import concurrent.futures
import multiprocessing
import pickle
import random
import sys

import own_plugin
import own_registry

FACTOR = 2
generator = random.Random(1)
stream = sys.stdin  # cannot be sent, and is not used
CLASSES = []

class Base:
    def __init_subclass__(cls, key):
        CLASSES.append(key)

class Sub(Base, key="sub"):
    pass

def caches():
    with LOCK, CONDITION:
        LOCAL.value = 1
        return square(3), kind(1), kind(""), Shape(3).area, LOCK.locked()

class Holder:
    def __init__(self):
        self.stream = "its own"

def holder():
    return Holder().stream

def registered():
    return CLASSES, issubclass(Sub, Base), own_registry.known()

def pickled():
    shape = pickle.loads(pickle.dumps(Shape(2)))
    return type(shape) is Shape, shape.area, pickle.loads(pickle.dumps(double)) is double

def double(number):
    return FACTOR * number

def draw(_):
    return generator.random()

def draw_its_own(_):
    from remotebatch import task
    return random.Random(task.seed()).random()

def spread(method, numbers):
    context = multiprocessing.get_context(method)
    with context.Pool(1) as pool:
        found = pool.map(double, numbers)
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as executor:
        return found + list(executor.map(double, [3, 4]))

def fail(number):
    if number == 0:
        raise ValueError("it said")  # in the script
"""
