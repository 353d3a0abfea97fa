from unittest import mock

import settings

LIMIT = 3


def limit():
    return LIMIT


def show():
    with mock.patch("settings.DEBUG", "patched"), mock.patch.dict(settings.LEVELS, {"high": 9}):
        inside = settings.current(), dict(settings.LEVELS)
    with mock.patch.object(settings, "current", return_value="called"):
        inside += (settings.current(),)
    with mock.patch(f"{__name__}.LIMIT", 5):
        inside += (limit(),)
    return inside, settings.current(), settings.LEVELS, limit()


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
