"""The slices of a snapshot: what names them, and when one may be begun, added to and ended."""

from collections.abc import Iterable
from typing import TypeVar

from foldhub_core import Malformed, codec

B = TypeVar("B")

KEPT = 2
"""Snapshots that are kept: should the newest turn out damaged, there is the one before."""


class SliceDigest:
    """Names slices in their order, each with its length."""

    __slots__ = ("_hasher",)

    def __init__(self, slices: Iterable[bytes] = ()) -> None:
        self._hasher = codec.hasher()
        for data in slices:
            self.take(data)

    def take(self, data: bytes) -> None:
        """Take in the next slice."""
        self._hasher.update(len(data).to_bytes(8, "big"))
        self._hasher.update(data)

    def hex(self) -> str:
        """The name of the slices so far."""
        return self._hasher.hexdigest()


def check_begins(seq: int, last: int) -> None:
    """Check that a snapshot may stand after this commit; raises `Malformed`."""
    if not 0 < seq <= last:
        raise Malformed(f"expected a commit of the log, which are 1 to {last}, came {seq}", where="begin_snapshot")


def check_begun(begun: B | None) -> B:
    """Check that a snapshot was begun; raises `Malformed`."""
    if begun is None:
        raise Malformed("expected a snapshot that was begun, came none", where="snapshot")
    return begun
