HANDLERS = {}
KINDS = []


def handles(name):
    def register(function):
        HANDLERS[name] = function
        return function

    return register


class Plugin:
    def __init_subclass__(cls, kind, **kwargs):
        super().__init_subclass__(**kwargs)
        cls.kind = kind
        KINDS.append(kind)
