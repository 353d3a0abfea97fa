"""Sets up its libraries while it is imported."""

import decimal
import logging
import warnings

import numpy as np

np.seterr(all="raise")
decimal.getcontext().prec = 5
logging.getLogger("strict").setLevel(logging.ERROR)
logging.getLogger("strict").addHandler(logging.NullHandler())


def warn():
    warnings.warn("careful", UserWarning, stacklevel=1)
