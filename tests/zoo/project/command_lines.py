import argparse
import os
import sys


def show():
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=3)
    return vars(parser.parse_args()), [os.path.basename(argument) for argument in sys.argv], parser.prog


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
