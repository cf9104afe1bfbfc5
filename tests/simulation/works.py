"""A task, as a plain program would keep it."""

from dataclasses import dataclass, field, replace

import msgspec


@dataclass
class Work:
    """A live task."""

    task_id: str
    owner: str
    session_id: str | None
    capability: str | None
    began_ms: int
    expires_ms: int | None
    progress: dict[str, object] = field(default_factory=dict)
    checkpoint: dict[str, object] | None = None
    asked: list[str] = field(default_factory=list)

    def copied(self) -> "Work":
        return replace(self, progress=dict(self.progress), asked=list(self.asked))


def packed(data: object) -> bytes:
    """Data in bytes, where 1 and True are two things."""
    return msgspec.msgpack.encode(data, order="sorted")
