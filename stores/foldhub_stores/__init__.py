"""Stores for the log of commits.

A store keeps commits on something that survives the process. It rests on foldhub_core and knows no rule of the hub.
"""

from .errors import StoreDamaged, StoreError, StoreLocked, StoreMismatch, StoreStopped
from .file import FileStore
from .memory import MemoryStore
from .store import (
    START,
    Broken,
    Cursor,
    Durable,
    Full,
    Identity,
    LogStore,
    Opened,
    Outcome,
    SessionsPage,
    Snapshot,
    TasksPage,
)

__all__ = [
    "START",
    "Broken",
    "Cursor",
    "Durable",
    "FileStore",
    "Full",
    "Identity",
    "LogStore",
    "MemoryStore",
    "Opened",
    "Outcome",
    "SessionsPage",
    "Snapshot",
    "StoreDamaged",
    "StoreError",
    "StoreLocked",
    "StoreMismatch",
    "StoreStopped",
    "TasksPage",
]
