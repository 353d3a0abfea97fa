COUNT = 0
NAMES = []
shared = SHARED = {"a": 1}


def up(by=1):
    global COUNT, CREATED
    COUNT += by
    CREATED = COUNT * 10
    NAMES.append(COUNT)


def read():
    return COUNT


def remove():
    global CREATED
    del CREATED


class Counter:
    def up(self):
        up(100)
        return COUNT


def show():
    up()
    up()
    seen = read(), CREATED, NAMES, globals()["COUNT"], Counter().up(), read()  # noqa: F821
    remove()
    globals()["INVENTED"] = 5
    SHARED["b"] = 2
    return seen, "CREATED" in globals(), INVENTED, shared, shared is SHARED  # noqa: F821


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
