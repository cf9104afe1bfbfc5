"""Ids: derived from the commit that made a thing, never drawn.

An id reads `hub:kind:ordinal`, as `demo:a:b42` for the agent made by commit 42 of the hub `demo`; what is further made in
the same commit adds its place, as in `demo:e:b42-a1`. An ordinal is the number behind a letter that says how many digits it
has (a for one, b for two), so that ids of one kind sort as text in the order of their commits, are unique across hubs, and
can be read aloud from a transcript. Because the commit stands in the id, a hub can tell an id it issued from one it never did.
"""

import re
from typing import Literal

from .errors import Malformed

Kind = Literal["a", "e", "s", "t"]
"""What an id names: agent, envelope, session, task."""

HUB_SESSION = "hub"
"""The id of the session that holds what the hub itself records: registrations, rules, observations."""

_HUB_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_ID = re.compile(r"([a-z0-9][a-z0-9-]{0,31}):([aest]):([a-s])([1-9][0-9]*)(?:-([a-s])([1-9][0-9]*))?")


def check_hub_id(hub_id: str) -> str:
    """Give back a hub's id, or raise `Malformed`."""
    if not _HUB_ID.fullmatch(hub_id):
        expected = "1 to 32 small letters, digits and dashes, a letter or digit first"
        raise Malformed(f"expected {expected}, came {hub_id[:40]!a}", where="hub_id")
    return hub_id


def ordinal(number: int) -> str:
    """Write a number so that text order is number order."""
    digits = str(number)
    return chr(96 + len(digits)) + digits


def make_id(hub_id: str, kind: Kind, seq: int, place: int = 0) -> str:
    """Derive the id of the thing of this kind that commit `seq` makes at this place among its like."""
    made = f"{hub_id}:{kind}:{ordinal(seq)}"
    return f"{made}-{ordinal(place)}" if place else made


def looks_like_id(text: str) -> bool:
    """Tell whether text has the shape of an id of any hub."""
    return _ID.fullmatch(text) is not None


def was_issued(hub_id: str, kind: Kind, text: str, seq: int) -> bool:
    """Tell whether this hub can have issued this id in a commit up to `seq`."""
    match = _ID.fullmatch(text)
    if match is None or match[1] != hub_id or match[2] != kind:
        return False
    ordinals = [(match[3], match[4])] if match[5] is None else [(match[3], match[4]), (match[5], match[6])]
    return all(ord(letter) - 96 == len(digits) for letter, digits in ordinals) and int(match[4]) <= seq


def commit_of(text: str) -> int | None:
    """The commit that an id says it was made by; None where the text has not the shape of an id."""
    match = _ID.fullmatch(text)
    return None if match is None else int(match[4])
