class Meta(type):
    made = []

    def __new__(mcs, name, bases, namespace, *, tag, **kwargs):
        namespace["tag"] = tag
        namespace["required"] = namespace["required"]
        return super().__new__(mcs, name, bases, namespace, **kwargs)

    def __init__(cls, name, bases, namespace, *, tag):
        super().__init__(name, bases, namespace)
        Meta.made.append(name)

    @classmethod
    def __prepare__(mcs, name, bases, **kwargs):
        return {"prepared": name}

    def __getitem__(cls, key):
        return f"{cls.__name__}[{key}]"

    def __len__(cls):
        return len(cls.made)

    @property
    def shouted(cls):
        return cls.__name__.upper()


class First(metaclass=Meta, tag=1):
    required = "yes"


class Second(First, tag=2):
    required = "also"

    def __init__(self):
        super().__init__()
        self.owner = __class__.__name__


def arguments():
    return (Second(),)


def show(second):
    class Third(First, tag=3):
        required = "here"

    return (
        First.tag,
        Second.tag,
        Second.prepared,
        Third.made,
        First[3],
        len(First),
        Second.shouted,
        second.owner,
        type(second) is Second,
    )


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
