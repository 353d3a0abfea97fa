class Plain(ValueError):
    pass


class Odd(Exception):
    def __init__(self, code, *, detail):
        super().__init__(f"{code}: {detail}")
        self.code, self.detail = code, detail


class Reduced(Exception):
    def __init__(self, left, right):
        self.left, self.right = left, right

    def __reduce__(self):
        return Reduced, (self.left, self.right)


def fail(kind):
    if kind == "plain":
        raise Plain("message")
    if kind == "odd":
        raise Odd(3, detail="why")
    if kind == "reduced":
        raise Reduced(1, 2)
    if kind == "chained":
        try:
            fail("odd")
        except Odd as error:
            raise Plain("chained") from error


def arguments():
    return Odd(1, detail="sent"), Plain("also")


def show(odd, plain):
    caught = []
    for kind in ("plain", "odd", "reduced", "chained"):
        try:
            fail(kind)
        except (Plain, Odd, Reduced) as error:
            caught.append((type(error).__name__, str(error), str(error.__cause__), vars(error)))
    return caught, odd.code, plain, odd


def judge(result):
    return result[:2], isinstance(result[2], Plain), result[2].args, type(result[3]) is Odd, vars(result[3])


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
