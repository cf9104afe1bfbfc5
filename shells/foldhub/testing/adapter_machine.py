"""`adapter_machine(adapter)`: a state machine of hypothesis, to add rules and invariants to. Needs hypothesis."""

from .adapter_kit.machine import AdapterMachine, adapter_machine

__all__ = ["AdapterMachine", "adapter_machine"]
