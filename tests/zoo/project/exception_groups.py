import sys

if sys.version_info >= (3, 11):

    class Bundle(ExceptionGroup):  # noqa: F821
        def derive(self, exceptions):
            return Bundle(self.message, exceptions)


def show():
    if sys.version_info < (3, 11):
        return "none yet"
    from_task = Bundle("two", [ValueError(1), KeyError("k")])
    matched, rest = from_task.split(ValueError)
    return repr(matched), repr(rest), from_task


def judge(result):
    return (
        result
        if isinstance(result, str)
        else (result[:2], type(result[2]).__name__, repr(result[2].exceptions))
    )


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
