"""Stores for the log of commits.

A store keeps commits on something that survives the process. It rests on foldhub_core and knows no rule of the hub.
"""

from .backing_up import back_up
from .backup import Backup
from .compacting import Compaction, compact
from .errors import StoreDamaged, StoreError, StoreLocked, StoreMismatch, StoreStopped
from .export import export_log, import_log
from .file import FileStore
from .importing import import_store
from .memory import MemoryStore
from .progress import Progress
from .recovery import recover
from .repairing import Repair, repair
from .salvage import Run, Saved
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
from .verifying import StoreVerification, verify_store

__all__ = [
    "START",
    "Backup",
    "Broken",
    "Compaction",
    "Cursor",
    "Durable",
    "FileStore",
    "Full",
    "Identity",
    "LogStore",
    "MemoryStore",
    "Opened",
    "Outcome",
    "Progress",
    "Repair",
    "Run",
    "Saved",
    "SessionsPage",
    "Snapshot",
    "StoreDamaged",
    "StoreError",
    "StoreLocked",
    "StoreMismatch",
    "StoreStopped",
    "StoreVerification",
    "TasksPage",
    "back_up",
    "compact",
    "export_log",
    "import_log",
    "import_store",
    "recover",
    "repair",
    "verify_store",
]
