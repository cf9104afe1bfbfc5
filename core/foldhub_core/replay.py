"""Replay and verify: what a log is good for.

`replay` is recovery: it applies facts and decides nothing, so that a hub with stricter rules still opens yesterday's log.
`verify` decides every recorded arrival again, on the state its commit was made on, and compares. On the version that wrote
the log a difference is a fault; on another it is a report of what the change does to real history.
"""

from collections.abc import Iterable, Iterator

from . import codec
from .commands import Start
from .commits import Commit, CutCommand, chained
from .config import HubConfig
from .envelope import Envelope
from .error_record import ErrorRecord, error_record
from .errors import Compacted, Malformed, NetworkError
from .facts import Configured, Fact
from .records import hot
from .starting import configured
from .state import HubState
from .step import apply, decide


@hot
class Divergence:
    """A commit that is decided otherwise now than it was recorded."""

    seq: int
    recorded: tuple[Fact, ...] | ErrorRecord
    decided: tuple[Fact, ...] | ErrorRecord

    def __str__(self) -> str:
        return f"commit {self.seq}: recorded {_told(self.recorded)}, decided {_told(self.decided)}"


@hot
class Verification:
    """What deciding a log again showed. True where something diverged; iterates over what did."""

    divergences: tuple[Divergence, ...]
    undecided: int
    """Commits that cannot be decided again: what was refused was too large to keep."""
    reconfigured: tuple[int, ...]
    """Commits where a run began under another configuration than this one: from there on a difference may be its doing."""

    def __bool__(self) -> bool:
        return bool(self.divergences)

    def __len__(self) -> int:
        return len(self.divergences)

    def __iter__(self) -> Iterator[Divergence]:
        return iter(self.divergences)


def replay(config: HubConfig, commits: Iterable[Commit], state: HubState) -> HubState:
    """Apply commits to the state they follow on.

    Commits the state already has are passed over. Raises `Compacted` where the first of the others is not the next, and
    `Malformed` where one is not chained to the one before: neither is a log of this state.
    """
    begun_at = state.seq
    for commit in commits:
        if commit.seq > state.seq:
            _checked_next(state, commit, whole=state.seq == begun_at)
            state = apply(config, state, commit)
    return state


def verify(config: HubConfig, commits: Iterable[Commit], state: HubState) -> Verification:
    """Decide commits again from the state they follow on, and compare with what was recorded."""
    divergences: list[Divergence] = []
    reconfigured: list[int] = []
    undecided = 0
    for commit in commits:
        if commit.seq <= state.seq:
            continue
        _checked_next(state, commit, whole=True)
        if isinstance(commit.command, CutCommand):
            undecided += 1
        elif _is_reconfigured(config, commit):
            reconfigured.append(commit.seq)
        else:
            divergence = _compare(config, state, commit)
            divergences += [] if divergence is None else [divergence]
        state = apply(config, state, commit)
    return Verification(tuple(divergences), undecided, tuple(reconfigured))


def _is_reconfigured(config: HubConfig, commit: Commit) -> bool:
    """Whether a run began here under another configuration."""
    mark = commit.facts[0] if commit.facts and isinstance(commit.command, Start) else None
    return isinstance(mark, Configured) and mark != configured(config)


def _checked_next(state: HubState, commit: Commit, *, whole: bool) -> None:
    """Refuse a commit that is not the next on this state.

    Whoever read a commit has checked its chain, so it is enough that the heads meet; but not whose chain it is: the hub's
    name goes into every link, and the first one that is looked at whole tells.
    """
    if commit.seq != state.seq + 1:
        raise Compacted(f"expected commit {state.seq + 1} next, came {commit.seq}")
    if commit.previous != state.head or (whole and commit.chain != _chained_on(state, commit)):
        raise Malformed("expected a commit chained to the one before, came another", where=f"commit {commit.seq}")


def _chained_on(state: HubState, commit: Commit) -> bytes:
    payload = codec.digest(commit.payload)
    return chained(state.hub_id, state.head, commit.seq, commit.form, payload, len(commit.payload))


def _compare(config: HubConfig, state: HubState, commit: Commit) -> Divergence | None:
    recorded = commit.facts if commit.refusal is None else commit.refusal
    arrival = commit.arrival
    assert arrival is not None, "a commit whose command was kept has an arrival"
    decided: tuple[Fact, ...] | ErrorRecord
    try:
        decided = tuple(decide(config, state, arrival)[0].facts)
    except NetworkError as error:
        decided = error_record(error)
    return None if _content(recorded) == _content(decided) else Divergence(commit.seq, recorded, decided)


def _content(came: tuple[Fact, ...] | ErrorRecord) -> object:
    """What is compared: facts in bytes, where 1 and True are two things; of a refusal what programs go by."""
    return came.code if isinstance(came, ErrorRecord) else [codec.encode(fact) for fact in came]


def _told(came: tuple[Fact, ...] | ErrorRecord) -> str:
    if isinstance(came, ErrorRecord):
        return f"refusal {came.code} ({came.message})"
    names = [fact.event_type if isinstance(fact, Envelope) else type(fact).__name__ for fact in came]
    return ", ".join(names) or "nothing"
