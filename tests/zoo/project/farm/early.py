from farm import late_name
from . import later


def early():
    return later.later()
