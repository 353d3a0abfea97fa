"""The function that is measured, in a module that workers can import."""


def noop(element: int) -> int:
    """Do nothing; give the element back, so that what arrives can be checked."""
    return element
