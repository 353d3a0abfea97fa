from . import early as _early


def later():
    from farm.early import early

    return [early is _early.early, __package__]
