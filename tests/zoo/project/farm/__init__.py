late_name = "set before the circle"
from .names import *
from . import early
from .stalls.box import Box as Box
