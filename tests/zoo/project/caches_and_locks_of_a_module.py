import tools


def show():
    with tools.LOCK, tools.RLOCK, tools.CONDITION, tools.SEMAPHORE:
        tools.EVENT.set()
        tools.LOCAL.value = 1
    return (
        tools.square(3),
        tools.square(3),
        tools.square.cache_info().hits,
        tools.kind([1, ""]),
        tools.TABLE["square"](2),
    )


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
