import copyreg
import weakref


class Reduced:
    def __init__(self, value):
        self.value, self.stream = value, open(__file__)  # noqa: SIM115

    def __reduce__(self):
        return Reduced, (self.value,)


class Stateful:
    def __init__(self):
        self.value, self.cache = 1, lambda: None

    def __getstate__(self):
        return {"value": self.value}

    def __setstate__(self, state):
        vars(self).update(state, cache="made again")


class NewArguments(tuple):
    def __new__(cls, left, right):
        return super().__new__(cls, (left, right))

    def __getnewargs__(self):
        return tuple(self)


class Dictionary(dict):
    def __missing__(self, key):
        return key * 2


class Registered:
    def __init__(self, value):
        self.value = value


def restore(value):
    return Registered(value + 1)


copyreg.pickle(Registered, lambda value: (restore, (value.value,)))


class Node:
    def __init__(self, parent=None):
        self.parent = weakref.ref(parent) if parent else None
        self.children = []


ROOT = Node()
ROOT.children.append(Node(ROOT))
WATCHED = weakref.WeakValueDictionary(root=ROOT)


def arguments():
    return Reduced(3), Stateful(), NewArguments(1, 2), Dictionary(a=1), Registered(5)


def show(reduced, stateful, new, dictionary, registered):
    child = ROOT.children[0]
    return (
        reduced.value,
        (stateful.value, type(stateful.cache).__name__ == "str"),
        new,
        dictionary["b"],
        dictionary["a"],
        child.parent() is ROOT,
        WATCHED["root"] is ROOT,
    )


def judge(result):
    return result[0], result[1][0], result[2:], type(result[2]).__name__


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
