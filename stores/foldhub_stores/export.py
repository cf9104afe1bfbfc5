"""Logs as text that people read: JSON Lines, a commit a line, for `jq` and for any other store.

The first line says whose log it is and from where to where it goes. Each line after it tells one commit by names, and holds
at its end, as base64, the bytes of it that are chained: they are the truth, and what is told by names is checked against
them. So what was exported is imported to the last byte, by any later version too, and a line that somebody edited is refused.

    {"foldhub_log": 1, "form": 1, "hub_id": "demo", "after": 0, "head": "...", "seq": 2, "last_head": "..."}
    {"seq": 1, "now_ms": 1700000000000, "subject": "", "admin": true, "command": {"type": "Start"}, "facts": [...], ...}

There is nothing in it that is not in the log, and a log holds no secret: what a caller proves itself with never reaches the
hub.
"""

import json
from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import cast

from foldhub_core import Commit, Compacted, CutCommand, Malformed, NetworkError, codec
from foldhub_core.commits import chained, read_commit
from foldhub_core.error_record import ErrorRecord
from foldhub_core.errors import unexpected
from foldhub_core.ids import check_hub_id
from foldhub_core.records import record
from foldhub_core.state import GENESIS

from .errors import StoreError
from .progress import Progress, unheard
from .store import Durable, LogStore

FORMAT = 1
"""The version of the lines."""
BATCH = 500
"""Commits that are read and appended at once."""


@record
class LogHeader:
    """The first line: whose log it is, and from where to where it goes."""

    hub_id: str
    form: int
    """The format of the codec whose names are told."""
    after: int
    """The commit before the first."""
    head: bytes
    """The chain's head there."""
    seq: int
    """The last commit."""
    last_head: bytes
    """The chain's head there."""


def export_log(store: LogStore, after: int = 0, *, progress: Progress = unheard) -> Iterator[str]:
    """Give the lines of a log, up to the commit that is the last one now; without the ends of lines.

    Raises `Compacted` where commits behind `after` are not kept any more. What is appended meanwhile is not in it.
    """
    last = store.seq
    if not 0 <= after <= last:
        raise Malformed(f"expected a place from 0 to {last}, came {after}", where="after")
    # What is not kept is met here, before anything is written.
    commits = store.read(after, min(BATCH, last - after))
    head = commits[0].previous if commits else _head_at(store, after)
    yield _json(
        {
            "foldhub_log": FORMAT,
            "form": codec.FORMAT,
            "hub_id": store.identity.hub_id,
            "after": after,
            "head": head.hex(),
            "seq": last,
            "last_head": _head_at(store, last).hex(),
        }
    )
    while commits:
        yield from [commit_line(commit) for commit in commits]
        after = commits[-1].seq
        progress("commits", after, last)
        commits = store.read(after, min(BATCH, last - after))


def import_log(lines: Iterable[str], make: Callable[[str], LogStore], *, progress: Progress = unheard) -> LogStore:
    """Make a store of the lines of a whole log; `make` gives an empty store for a hub of this name.

    Raises `Malformed` at the first line that is not what the chain proves, and `StoreError` where the store refuses. What was
    made is then to be thrown away.
    """
    numbered = enumerate(lines, start=1)
    header = read_header(next((line for _, line in numbered), ""))
    if (header.after, header.head) != (0, GENESIS):
        raise Compacted(f"expected a whole log, came one from commit {header.after + 1} on, which can be read but not folded")
    store = make(header.hub_id)
    if store.seq != 0:
        raise Malformed(f"expected an empty store, came one that ends at commit {store.seq}", where="import")
    head, seq = header.head, header.after
    batch: list[Commit] = []
    for number, line in numbered:
        seq += 1
        commit = read_line(line, header, seq, head, number)
        head = commit.chain
        batch.append(commit)
        if len(batch) == BATCH:
            _append(store, batch)
            progress("commits", seq, header.seq)
            batch = []
    _append(store, batch)
    progress("commits", seq, header.seq)
    if (seq, head) != (header.seq, header.last_head):
        raise Malformed(f"expected commits up to {header.seq}, as the first line says, came commits up to {seq}", where="import")
    return store


def commit_line(commit: Commit) -> str:
    """The line of one commit."""
    return _json(
        {**_told(commit), "form": commit.form, "chain": commit.chain.hex(), "payload": b64encode(commit.payload).decode()}
    )


def read_header(line: str) -> LogHeader:
    """Read the first line; raises `Malformed`."""
    fields = _fields(line, 1)
    if fields.get("foldhub_log") != FORMAT:
        raise unexpected(
            f'the first line of an exported log, with "foldhub_log": {FORMAT}', fields.get("foldhub_log"), where="line 1"
        )
    hub_id, head, last_head = [_text(fields, name, 1) for name in ("hub_id", "head", "last_head")]
    form, after, seq = [_number(fields, name, 1) for name in ("form", "after", "seq")]
    return LogHeader(check_hub_id(hub_id), form, after, _hex(head, 1), seq, _hex(last_head, 1))


def read_line(line: str, header: LogHeader, seq: int, previous: bytes, number: int) -> Commit:
    """Read the line of a commit that follows on a head; raises `Malformed`."""
    fields = _fields(line, number)
    form, told_seq = _number(fields, "form", number), _number(fields, "seq", number)
    chain = _hex(_text(fields, "chain", number), number)
    try:
        payload = b64decode(_text(fields, "payload", number), validate=True)
    except (NoBase64, ValueError) as error:
        raise Malformed(f"expected a payload in base64, came something else: {error}", where=f"line {number}") from None
    if told_seq != seq or chain != chained(header.hub_id, previous, seq, form, codec.digest(payload), len(payload)):
        raise Malformed(f"expected commit {seq} as it was chained, came another", where=f"line {number}")
    try:
        commit = read_commit(header.hub_id, seq, form, payload, previous, chain)
    except NetworkError as error:
        raise Malformed(f"commit {seq} is chained, and cannot be read: {error}", where=f"line {number}") from error
    if header.form == codec.FORMAT:
        for name, value in _told(commit).items():
            if name not in fields or fields[name] != json.loads(_json(value)):
                message = f"expected {name} of commit {seq} as its payload says it, came another: the line was edited"
                raise Malformed(message, where=f"line {number}")
    return commit


def _append(store: LogStore, batch: list[Commit]) -> None:
    outcome = store.append(batch)
    if not isinstance(outcome, Durable):
        raise StoreError(f"expected a store with room for the log, came one that says: {outcome.reason}")


def _head_at(store: LogStore, seq: int) -> bytes:
    if seq == 0:
        return GENESIS
    (commit,) = store.read(seq - 1, 1)
    return commit.chain


def _told(commit: Commit) -> dict[str, object]:
    """What a line tells by names."""
    actor = commit.actor
    rights: dict[str, object] = {"admin": True} if actor.admin else {}
    rights |= {} if actor.may_register is None else {"may_register": actor.may_register}
    rights |= {} if actor.owner_id is None else {"owner_id": actor.owner_id}
    told: dict[str, object] = {"seq": commit.seq, "now_ms": commit.now_ms, "subject": actor.subject, **rights}
    # A command that its facts tell stands in them: here is only which it was.
    told["command"] = {"type": type(commit.command).__name__} if commit.kept is None else _named(commit.kept)
    if commit.refusal is not None:
        told["refusal"] = _refusal(commit.refusal)
    else:
        told["facts"] = [_named(fact) for fact in commit.facts]
    return told


def _refusal(refusal: ErrorRecord) -> dict[str, object]:
    return {"code": refusal.code, "message": refusal.message, "where": refusal.where}


def _named(value: object) -> dict[str, object]:
    if isinstance(value, CutCommand):
        return {"type": "CutCommand", "tag": value.tag, "digest": value.digest, "length": value.length}
    return {"type": type(value).__name__, **codec.to_data(value)}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _fields(line: str, number: int) -> Mapping[str, object]:
    try:
        fields: object = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"expected a line of JSON, came something else: {error}", where=f"line {number}") from None
    if not isinstance(fields, dict):
        raise unexpected("a JSON object", fields, where=f"line {number}")
    return cast("dict[str, object]", fields)


def _text(fields: Mapping[str, object], name: str, number: int) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise unexpected(f"a text as {name}", value, where=f"line {number}")
    return value


def _number(fields: Mapping[str, object], name: str, number: int) -> int:
    value = fields.get(name)
    if type(value) is not int or value < 0:
        raise unexpected(f"a number as {name}", value, where=f"line {number}")
    return value


def _hex(text: str, number: int) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise unexpected("hexadecimal digits", text, where=f"line {number}") from None
