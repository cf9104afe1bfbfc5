"""Idempotency keys: how a retry becomes the same request.

An agent's slice remembers, for each key it used, what the request was (a hash of its body) and what came of it. A retry is
answered from there, before any check but that of its principal; another body under the same key is a conflict, and the first
stands. A key belongs to the kind of request it came with: the same text may be the key of a registration and of a post.

Remembered are the last `limits.keys` of an agent, each for `limits.key_ms`. A `Tick` forgets them when they are due; until
then a key is remembered, however late the `Tick`.
"""

from collections.abc import Callable

from immutables import Map

from .errors import KeyConflict, shown
from .facts import KeysExpired
from .recent import Recent
from .records import hot


@hot
class Answered:
    """What came of a request that carried a key."""

    body: bytes
    """The hash of the request's body."""
    made_id: str
    """The id of what it made."""
    at_ms: int
    number: int = 0
    """Of a post: its place among the words of its session."""
    depth: int = 0
    audience: tuple[str, ...] | None = None
    """Of a post: to whom it went, where those are others than it named."""


AgentKeys = Recent[Answered]
Keys = Map[str, AgentKeys]
"""By agent."""

_NONE: AgentKeys = Recent()


def answered(keys: Keys, agent_id: str, request: str, key: str, body: Callable[[], bytes]) -> Answered | None:
    """What came of this request when it came before, or None; raises `KeyConflict` where it was another one.

    The hash of the body is asked for only where the key is known.
    """
    before = keys.get(agent_id, _NONE).get(f"{request}:{key}")
    if before is not None and before.body != body():
        raise KeyConflict(f"expected the same body under the key {shown(key)} again, came another", where="idempotency_key")
    return before


def remember(keys: Keys, agent_id: str, request: str, key: str, came: Answered, most: int) -> Keys:
    """Remember what came of a request."""
    return keys.set(agent_id, keys.get(agent_id, _NONE).put(f"{request}:{key}", came, most))


def next_due(keys: Keys, agent_id: str, key_ms: int) -> int | None:
    """When the agent's oldest key is due to be forgotten."""
    oldest = next(keys.get(agent_id, _NONE).items(), None)
    return None if oldest is None else oldest[1].at_ms + key_ms


def expired(keys: Keys, agent_id: str, key_ms: int, now_ms: int) -> KeysExpired | None:
    """The mark that forgets the agent's keys that are due, or None."""
    count = 0
    for _, came in keys.get(agent_id, _NONE).items():
        if came.at_ms + key_ms > now_ms:
            break
        count += 1
    return KeysExpired(agent_id, count) if count else None


def fold_expired(keys: Keys, mark: KeysExpired) -> Keys:
    """Forget the oldest keys of an agent."""
    left = keys[mark.agent_id].forget(mark.count)
    return keys.set(mark.agent_id, left) if len(left) else keys.delete(mark.agent_id)
