import asyncio
import contextlib
import contextvars

CURRENT = contextvars.ContextVar("CURRENT", default="nothing")


@contextlib.asynccontextmanager
async def opened():
    yield "open"


async def ticks():
    for tick in range(3):
        await asyncio.sleep(0)
        yield tick


async def work(name):
    CURRENT.set(name)
    await asyncio.sleep(0)
    return CURRENT.get()


async def everything():
    async with opened() as state:
        return (
            state,
            [tick async for tick in ticks()],
            await asyncio.gather(work("a"), work("b")),
            CURRENT.get(),
        )


def show():
    token = CURRENT.set("outer")
    inside = asyncio.run(everything())
    CURRENT.reset(token)
    return inside, CURRENT.get(), contextvars.copy_context().run(CURRENT.get), CURRENT.name


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
