"""How a log rests in SQLite: its tables, and what is asked of every connection to them.

Beside the commits' own chain every page carries a checksum (SQLite's `cksumvfs`, which comes with apsw), because the chain
proves what is there: that something is *not* there, an answer to a cause or an ended session, rests on pages of an index.
"""

import ctypes
from functools import cache

import apsw
import apsw.sqlite_extra

from .database import Database
from .errors import StoreError

FORMAT = 2
"""The version of the tables."""
WITH_HOLES = 2
"""From this version on a log may have holes."""
APPLICATION = 0x666F6C64
"""Says of the file whose it is, in the header of SQLite."""
PAGE_SIZE = 4096
CHECKSUM_BYTES = 8
"""What every page has at its end for its checksum."""

CHECKED_FILES = "cksmvfs"
"""The name under which SQLite knows the files whose pages are checked."""

TABLES = """
CREATE TABLE identity (store_id TEXT NOT NULL, hub_id TEXT NOT NULL, base_seq INTEGER NOT NULL, base_head BLOB NOT NULL) STRICT;
CREATE TABLE commits (seq INTEGER PRIMARY KEY, form INTEGER NOT NULL, chain BLOB NOT NULL, payload BLOB NOT NULL) STRICT;
CREATE INDEX holes ON commits (seq) WHERE form = 0;
CREATE TABLE words (
  session_id TEXT NOT NULL, number INTEGER NOT NULL, seq INTEGER NOT NULL, place INTEGER NOT NULL,
  PRIMARY KEY (session_id, number)) STRICT, WITHOUT ROWID;
CREATE TABLE causes (
  session_id TEXT NOT NULL, causation_id TEXT NOT NULL, sender_id TEXT NOT NULL, number INTEGER NOT NULL,
  PRIMARY KEY (session_id, causation_id, sender_id)) STRICT, WITHOUT ROWID;
CREATE TABLE ended_sessions (
  seq INTEGER NOT NULL, session_id TEXT NOT NULL, ended_at_ms INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,
  words INTEGER NOT NULL, participants BLOB NOT NULL,
  PRIMARY KEY (seq, session_id)) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX ended_sessions_by_id ON ended_sessions (session_id);
CREATE TABLE ended_session_agents (
  agent_id TEXT NOT NULL, seq INTEGER NOT NULL, session_id TEXT NOT NULL,
  PRIMARY KEY (agent_id, seq, session_id)) STRICT, WITHOUT ROWID;
CREATE TABLE ended_tasks (
  seq INTEGER NOT NULL, task_id TEXT NOT NULL, owner_id TEXT NOT NULL, session_id TEXT, ended_at_ms INTEGER NOT NULL,
  outcome TEXT,
  PRIMARY KEY (seq, task_id)) STRICT, WITHOUT ROWID;
CREATE INDEX ended_tasks_by_owner ON ended_tasks (owner_id, seq, task_id);
CREATE TABLE dead_letters (
  agent_id TEXT NOT NULL, number INTEGER NOT NULL, seq INTEGER NOT NULL, session_id TEXT NOT NULL, envelope_id TEXT NOT NULL,
  at_ms INTEGER NOT NULL, is_dead INTEGER NOT NULL, reason TEXT NOT NULL,
  PRIMARY KEY (agent_id, number)) STRICT, WITHOUT ROWID;
CREATE TABLE audited (kind TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (kind, seq)) STRICT, WITHOUT ROWID;
CREATE TABLE snapshots (place INTEGER PRIMARY KEY, seq INTEGER NOT NULL, slices INTEGER, digest TEXT) STRICT;
CREATE TABLE slices (
  snapshot INTEGER NOT NULL, place INTEGER NOT NULL, data BLOB NOT NULL, UNIQUE (snapshot, place)) STRICT;
"""
"""A snapshot counts once it has a digest; without one it was begun and not ended. Slices of none that is listed are rubbish."""


SETTINGS = (
    "synchronous = FULL",
    # Where a system has a sync that reaches the disk and one that does not.
    "fullfsync = ON",
    "checkpoint_fullfsync = ON",
    # Checkpoints are made by us: of its own SQLite would keep their errors to itself.
    "wal_autocheckpoint = 0",
    # A transaction stays in memory until it is committed: what is refused before that was never written.
    "cache_spill = OFF",
    "cache_size = -16384",
    "temp_store = MEMORY",
    "trusted_schema = OFF",
)
"""What is asked of every connection. None of it can be configured: a store that syncs less is none."""


@cache
def load_checked_files() -> str:
    """Let SQLite know the files whose pages are checked, and give their name; files of others stay as they are."""
    before = apsw.vfs_names()[0]
    try:
        with apsw.Connection(":memory:") as connection:
            apsw.sqlite_extra.load(connection, "cksumvfs")
        connection.close()
    except (apsw.Error, apsw.sqlite_extra.NotAvailable, LookupError) as error:
        raise StoreError(f"expected an apsw that comes with SQLite's cksumvfs, as its wheels do, came none: {error}") from error
    apsw.set_default_vfs(before)
    return CHECKED_FILES


def connect(file: str, vfs: str, *, create: bool = False) -> Database:
    """Open the file as the only one that has it: every commit synced, checkpoints made only when they are asked for."""
    flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if create else 0)
    connection = apsw.Connection(file, flags=flags, vfs=vfs)
    database = Database(connection)
    try:
        # Closing would copy the write-ahead log into the database, also after a sync that failed, or of a store we refuse.
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        if create:
            reserved = ctypes.c_int(CHECKSUM_BYTES)
            connection.file_control("main", apsw.SQLITE_FCNTL_RESERVE_BYTES, ctypes.addressof(reserved))
            database.ask(f"PRAGMA page_size = {PAGE_SIZE}")
        database.ask("PRAGMA locking_mode = EXCLUSIVE")
        ((mode,),) = database.ask("PRAGMA journal_mode = WAL")
        if mode != "wal":
            raise StoreError(f"expected a disk that can hold a write-ahead log, came one that made it {mode}")
        for setting in SETTINGS:
            database.ask(f"PRAGMA {setting}")
    except BaseException:
        connection.close()
        raise
    return database
