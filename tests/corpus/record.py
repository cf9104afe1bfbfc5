"""Record a log of this version for all later ones: `python -m tests.corpus.record registry-2`.

Writes `<name>.log` and, beside it, `<name>.json` with what every later version must find in it. A file that is there stays,
unless `--again` is given: a recorded log is history.
"""

import json
import sys
from pathlib import Path

from foldhub_core import CutCommand, codec, digest, write_log
from foldhub_core.starting import CORE_VERSION
from tests.core.recorded_hub import whole_story

HERE = Path(__file__).parent


def main(arguments: list[str], folder: Path = HERE) -> int:
    """Record the story under the name that is given."""
    names = [word for word in arguments if word != "--again"]
    if len(names) != 1:
        print("expected the name of the log to record, and --again to write over one that is there")
        return 2
    log_file, facts_file = folder / f"{names[0]}.log", folder / f"{names[0]}.json"
    if log_file.exists() and "--again" not in arguments:
        print(f"{log_file.name} is there already; it stays as it is")
        return 1
    hub = whole_story()
    facts = {
        "core": CORE_VERSION,
        "format": codec.FORMAT,
        "hub_id": hub.state.hub_id,
        "commits": len(hub.commits),
        "undecided": sum(isinstance(commit.command, CutCommand) for commit in hub.commits),
        "digest": digest(hub.state),
    }
    log_file.write_bytes(write_log(hub.log))
    facts_file.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    print(f"recorded {len(hub.commits)} commits as {log_file.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
