import decimal
import logging

import numpy as np
import strict


def show():
    strict.warn()
    error = np.geterr()["divide"]
    try:
        np.float64(1) / 0
    except FloatingPointError:
        error += "d"
    return error, str(decimal.Decimal(1) / 3), logging.getLogger("strict").level


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
