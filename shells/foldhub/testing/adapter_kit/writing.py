"""The state of a protocol in bytes, as a snapshot writes it, and back."""

from typing import Any

from foldhub_core.codec import FORMAT
from foldhub_core.config import AnyAdapter
from foldhub_core.protocol_bytes import read_protocol, write_protocol

_KEPT = 256
_written: dict[int, tuple[object, bytes | None]] = {}
"""Of the last states that were written the bytes, by identity; the state is held, so that no other gets its id."""


def state_bytes(state: object) -> bytes:
    """Write a state anew; raises what its codec raises."""
    return write_protocol(state)


def rewritten_state(state: object) -> bytes | None:
    """Write a state anew, where it can be written."""
    try:
        written = write_protocol(state)
    except Exception:
        written = None
    if len(_written) >= _KEPT:
        _written.clear()
    _written[id(state)] = (state, written)
    return written


def written_state(state: object) -> bytes | None:
    """Give what a state was written as when it was last looked at."""
    known = _written.get(id(state))
    return rewritten_state(state) if known is None else known[1]


def read_state(adapter: AnyAdapter, written: bytes) -> Any:
    """Read a state back; raises `Malformed`. Any: a state is the adapter's own."""
    return read_protocol(adapter, written, FORMAT)
