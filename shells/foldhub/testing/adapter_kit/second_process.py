"""The second process: plays the sessions it is given on standard input, and writes what they came to.

It is run by the law `processes_agree`, under another hash seed.
"""

import json
import sys
from typing import Any

from . import settings
from .laws.processes import fingerprints
from .moves import read_script
from .naming import Found, adapter_at
from .scene import Stage


def main() -> None:
    """Read, play, write."""
    settings.in_second_process = True
    asked: Any = json.load(sys.stdin)  # Any: what the first process wrote
    stage = Stage(adapter_at(Found(**asked["adapter"])))
    came = [fingerprints(stage.play(read_script(written))) for written in asked["scripts"]]
    json.dump(came, sys.stdout)


if __name__ == "__main__":
    main()
