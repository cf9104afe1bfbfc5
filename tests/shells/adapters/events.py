"""What a circle is told in tests of the command line."""

from foldhub_core import EV_TEXT, Draft

EVENTS = [Draft(EV_TEXT, {"text": "stop"}), Draft(EV_TEXT, {"text": "go on"})]
