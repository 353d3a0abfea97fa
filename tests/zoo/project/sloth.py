"""Replaces itself in sys.modules."""

import sys


class Sloth:
    speed = 1

    def move(self):
        return f"{type(self).__name__} at {self.speed}"


sys.modules[__name__] = Sloth()
