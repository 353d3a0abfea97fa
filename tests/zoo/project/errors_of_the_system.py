class Gone(OSError):
    def __init__(self, path, extra):
        super().__init__(2, "gone", path)
        self.extra = extra


class Needed(ImportError):
    def __init__(self, what):
        super().__init__(f"{what} is needed", name=what)


def arguments():
    return Gone("a.txt", [1]), Needed("numpy"), UnicodeDecodeError("ascii", b"\xff", 0, 1, "why")


def show(gone, needed, undecodable):
    own = Gone("b.txt", 2)
    return (
        (str(gone), gone.filename, gone.errno, gone.extra, str(own)),
        (str(needed), needed.name, str(undecodable)),
        gone,
        needed,
        own,
    )


def judge(result):
    first, second, *errors = result
    return first, second, [(type(error) in (Gone, Needed), str(error), vars(error)) for error in errors]


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
