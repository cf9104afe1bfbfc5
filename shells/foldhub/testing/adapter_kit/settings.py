"""What a run of tests says of all checks of adapters in it, and what they reported. The pytest plugin writes it.

A run has one of these, as it has one command line: so it is a module's own.
"""

from .report import AdapterReport

max_examples: int | None = None
"""How many sessions are played where a check does not say; None is the kit's own number."""
seed: int | None = None
in_second_process: bool = False
"""Whether this process plays the sessions of another: then nothing is checked here, or there would be a third and a fourth."""
reports: list[AdapterReport] = []
"""What was reported, in order."""
