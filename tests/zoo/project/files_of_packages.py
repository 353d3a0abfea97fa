import importlib.resources
import json
from pathlib import Path

import farm
import farm.stalls.box


def show():
    here = Path(farm.__file__).parent
    stock = json.loads((here / "data" / "stock.json").read_text())
    through = importlib.resources.files("farm").joinpath("data", "animals.txt").read_text()
    names = sorted(path.name for path in here.iterdir() if path.suffix == ".py")
    mine = Path(__file__)
    return (
        stock,
        through,
        farm.stalls.box.animals(),
        names,
        mine.name,
        mine.read_text()[:6],
        (mine.parent / "farm").is_dir(),
    )


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
