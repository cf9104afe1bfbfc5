"""What is configured, not remembered: given to every step, and recorded by name and fingerprint at each `Start`."""

from .limits import Limits
from .records import named


@named
class HubConfig:
    """A hub's configuration; all of it is pure."""

    limits: Limits = Limits()
