DEBUG = False
LEVELS = {"low": 1}


def configure(debug):
    global DEBUG
    DEBUG = debug


def current():
    return DEBUG


def __getattr__(name):
    if name.startswith("DEFAULT_"):
        return name.lower()
    raise AttributeError(name)
