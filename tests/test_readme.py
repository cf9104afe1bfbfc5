"""The README's program is the example, and runs."""

import runpy
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def program() -> str:
    """The program the README shows last, which needs no shell."""
    readme = (ROOT / "README.md").read_text()
    return readme.split("## Without a shell")[1].split("```python\n", 1)[1].split("```", 1)[0]


def test_the_example_is_the_program_of_the_readme() -> None:
    assert (ROOT / "examples" / "registry.py").read_text().endswith(program())


def test_the_program_prints_what_the_readme_says() -> None:
    ran = subprocess.run([sys.executable, "examples/registry.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    agent_id, refused, name = ran.stdout.splitlines()
    assert agent_id == "demo:a:a2"
    assert refused.startswith("access_denied - expected a name the principal may register")
    assert len(name) == 32


def test_the_program_leaves_a_log_that_verifies() -> None:
    ran = runpy.run_path(str(ROOT / "examples" / "registry.py"))
    assert len(ran["log"]) == 3
