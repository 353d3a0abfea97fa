import sloth
from sloth import move


def show():
    return sloth.move(), move(), sloth.speed


if __name__ == "__main__":
    import keeper

    keeper.run(globals())
