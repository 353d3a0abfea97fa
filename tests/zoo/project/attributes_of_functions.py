def marked(value: "int" = 3, /, *rest, key=None, **more):
    """Doubles.

    >>> marked(2)
    4
    """
    marked.calls += 1
    return value * 2


marked.calls = 0
marked.tags = {"slow"}
marked.__test__ = {"name": ">>> 1"}


def show():
    import doctest

    marked()
    marked(4)
    examples = doctest.DocTestParser().get_examples(marked.__doc__)
    return (
        marked.calls,
        marked.tags,
        marked.__defaults__,
        marked.__kwdefaults__,
        marked.__annotations__,
        len(examples),
        marked.__test__,
        marked.__qualname__,
    )


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
