import inspect
from pathlib import Path

import farm.stalls.box
import settings


class Shown:
    """Documented."""

    def method(self):
        return 1


def helper():
    # a comment
    return 2


def show():
    modules = [settings.configure, farm.stalls.box.Box, settings]
    own = [helper, Shown.method, Shown, lambda: 3]
    return (
        [inspect.getsource(thing) for thing in modules],
        [inspect.getsource(thing) for thing in own],
        [Path(inspect.getfile(thing)).name for thing in modules + own],
        [inspect.getsourcelines(thing)[1] for thing in modules[:2] + own],
        [inspect.getdoc(Shown), inspect.getcomments(helper), inspect.getmodule(helper).__name__ == __name__],
        Path(inspect.currentframe().f_code.co_filename).name,
        str(inspect.signature(inspect.unwrap(helper))),
    )


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
