import sys


def helper():
    return __name__


class Thing:
    where = __name__


def show():
    main = sys.modules["__main__"]
    return (
        __name__ in ("__main__", "names_of_itself"),
        helper() == Thing.__module__ == show.__module__ == Thing.where == __name__,
        sys.modules[__name__].helper is helper,
        (__package__, __spec__ is None, __doc__),
        type(main).__name__,
        getattr(main, "Thing", Thing) is Thing,
        show.__globals__ is vars(sys.modules[__name__]),
    )


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
