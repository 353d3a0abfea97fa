import os.path
import xml.dom.minidom

import farm.stalls.box
import farm.stalls.box as box
from farm.early import early as circular


def show():
    return (
        farm.stalls.box.animals(),
        box.Box is farm.Box,
        xml.dom.minidom.__name__,
        os.path.sep,
        circular(),
        farm.late_name,
    )


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
