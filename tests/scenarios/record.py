"""Record all scenarios anew: `python -m tests.scenarios.record`.

In a scenario, lines that begin with `>` are commands, `#` begins a remark; all other lines are what came of the command
above them, and are written by this program. Read what changed before you keep it: it is what the hub does now.
"""

import sys
from pathlib import Path

from tests.scenarios.scene import Scene

HERE = Path(__file__).parent


def scenarios(folder: Path = HERE) -> list[Path]:
    """All scenarios, by name."""
    return sorted(folder.glob("*.txt"))


def played(text: str) -> str:
    """A scenario with what comes of its commands now."""
    scene = Scene()
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("> "):
            lines += [line, *scene.play(line[2:])]
        elif not line or line.startswith("#"):
            lines.append(line)
    scene.finish()
    return "\n".join(lines) + "\n"


def main(folder: Path = HERE) -> int:
    """Write all scenarios anew."""
    for path in scenarios(folder):
        before = path.read_text(encoding="utf-8")
        after = played(before)
        path.write_text(after, encoding="utf-8")
        print(f"{path.name}: {'as it was' if after == before else 'changed'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
