"""The front door of foldhub: the names of the core, and the shells that carry its effects out."""

import foldhub_core
from foldhub_core import *

__all__: list[str] = []
__all__ += foldhub_core.__all__
