from .box import Box
from .box import *
