"""Stores for the log of commits.

A store keeps commits on something that survives the process. It rests on foldhub_core and knows no rule of the hub.
"""

__all__: list[str] = []
