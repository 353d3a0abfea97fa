import dataclasses
from dataclasses import dataclass, field


@dataclass(slots=True)
class Slotted:
    x: int
    names: list = field(default_factory=list)


@dataclass(frozen=True, slots=True, order=True)
class Frozen:
    x: int = 3


@dataclass(kw_only=True)
class Child:
    parent: "Slotted | None" = None
    computed: int = field(init=False, repr=False, compare=False, default=0)

    def __post_init__(self):
        self.computed = 7


def arguments():
    return Slotted(1, ["a"]), Frozen(4), Child(parent=Slotted(2))


def show(slotted, frozen, child):
    assert isinstance(slotted, Slotted)
    assert isinstance(frozen, Frozen)
    try:
        slotted.other = 1
    except AttributeError:
        slotted.names.append("no other")
    try:
        frozen.x = 1
    except dataclasses.FrozenInstanceError:
        slotted.names.append("frozen")
    fields = [entry.name for entry in dataclasses.fields(child)]
    changed = dataclasses.replace(frozen, x=9)
    return (
        slotted,
        changed,
        child,
        fields,
        Slotted(5),
        {frozen: 1},
        Frozen(1) < Frozen(2),
        dataclasses.asdict(child),
    )


def judge(result):
    return (
        result,
        isinstance(result[0], Slotted),
        type(result[1]) is Frozen,
        result[2].computed,
        hasattr(result[0], "__dict__"),
    )


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
