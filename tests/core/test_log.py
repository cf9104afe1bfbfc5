"""Logs: cut, checked, written and read; whatever was touched is refused."""

from collections.abc import Callable

import pytest

from foldhub_core import Commit, Compacted, HubState, Log, Malformed, Tick, changed, check_chain, codec, read_log, write_log
from foldhub_core.log import MAGIC
from foldhub_core.state import GENESIS
from tests.core.recorded_hub import STRANGER, RecordedHub, crowded_hub, rechained, small_log, whole_story, with_payload

LOG = small_log()
DATA = write_log(LOG)


def signed(rows: bytes) -> bytes:
    """Rows of a log with the digest that belongs at their end."""
    return rows + codec.digest(rows)


def framed(row: object) -> bytes:
    packed = codec.pack(row)
    return len(packed).to_bytes(4, "big") + packed


# --- parts of a log


def test_the_small_log_holds_facts_and_both_kinds_of_refusals() -> None:
    assert [type(commit.command).__name__ for commit in LOG.commits] == ["Start", "Register", "Attach", "Tick", "CutCommand"]


@pytest.mark.parametrize(("seq", "limit", "places"), [(0, None, [1, 2, 3, 4, 5]), (3, None, [4, 5]), (1, 2, [2, 3]), (2, 0, [])])
def test_after_gives_the_commits_behind_a_place(seq: int, limit: int | None, places: list[int]) -> None:
    assert [commit.seq for commit in LOG.after(seq, limit)] == places


@pytest.mark.parametrize("seq", [5, 9])
def test_after_the_last_there_is_nothing_yet(seq: int) -> None:
    assert LOG.after(seq) == ()


@pytest.mark.parametrize("seq", range(6))
def test_a_log_is_cut_at_the_place_it_is_told(seq: int) -> None:
    cut = LOG.cut(seq)
    assert (cut.base_seq, cut.seq, cut.commits) == (seq, LOG.seq, LOG.commits[seq:])


@pytest.mark.parametrize("seq", range(6))
def test_a_cut_log_still_proves_its_chain(seq: int) -> None:
    check_chain(LOG.cut(seq))


@pytest.mark.parametrize("first", range(6))
def test_a_log_cut_twice_is_the_log_cut_once(first: int) -> None:
    assert LOG.cut(first).cut(5) == LOG.cut(5)


def test_what_was_cut_off_is_compacted() -> None:
    with pytest.raises(Compacted, match="from commit 3 on, the oldest kept, came 2"):
        LOG.cut(3).after(2)


def test_a_log_is_not_cut_before_its_oldest() -> None:
    with pytest.raises(Compacted, match="came 2"):
        LOG.cut(3).cut(2)


def test_a_log_is_not_cut_behind_its_last() -> None:
    with pytest.raises(Compacted, match="up to commit 5, the last, came 6"):
        LOG.cut(6)


@pytest.mark.parametrize(("hub_id", "base_seq"), [("Demo", 0), ("", 0), ("demo", -1)])
def test_a_log_has_the_id_of_a_hub_and_a_place(hub_id: str, base_seq: int) -> None:
    with pytest.raises(Malformed):
        Log(hub_id, (), base_seq)


# --- the chain


def swapped(commits: tuple[Commit, ...]) -> tuple[Commit, ...]:
    return (*commits[:1], commits[2], commits[1], *commits[3:])


def removed(commits: tuple[Commit, ...]) -> tuple[Commit, ...]:
    return (*commits[:1], *commits[2:])


def doubled(commits: tuple[Commit, ...]) -> tuple[Commit, ...]:
    return (*commits[:2], commits[1], *commits[2:])


def renumbered(commits: tuple[Commit, ...]) -> tuple[Commit, ...]:
    return (commits[0], changed(commits[1], seq=9), *commits[2:])


def rewritten(commits: tuple[Commit, ...]) -> tuple[Commit, ...]:
    return (commits[0], changed(commits[1], payload=commits[1].payload + b"x"), *commits[2:])


def reformed(commits: tuple[Commit, ...]) -> tuple[Commit, ...]:
    return (commits[0], changed(commits[1], form=2), *commits[2:])


def unchained(commits: tuple[Commit, ...]) -> tuple[Commit, ...]:
    return (commits[0], changed(commits[1], chain=GENESIS), *commits[2:])


Touch = Callable[[tuple[Commit, ...]], tuple[Commit, ...]]
TOUCHED: list[tuple[Touch, int]] = [
    (swapped, 2),
    (removed, 2),
    (doubled, 3),
    (rewritten, 2),
    (reformed, 2),
    (unchained, 2),
]
"""How commits are touched, and the first place where it shows."""


@pytest.mark.parametrize("log", [LOG, whole_story().log, Log("demo")], ids=["small", "whole", "empty"])
def test_a_log_as_it_was_recorded_is_chained(log: Log) -> None:
    check_chain(log)


@pytest.mark.parametrize(("touch", "place"), [*TOUCHED, (renumbered, 2)])
def test_the_chain_names_the_first_commit_that_was_touched(touch: Touch, place: int) -> None:
    with pytest.raises(Malformed, match=f"commit {place}: expected commit {place} as it was chained"):
        check_chain(changed(LOG, commits=touch(LOG.commits)))


@pytest.mark.parametrize(("field", "value"), [("hub_id", "other"), ("base_seq", 1), ("base_head", bytes(15) + b"\1")])
def test_the_chain_holds_only_at_its_own_place_in_its_own_hub(field: str, value: object) -> None:
    with pytest.raises(Malformed, match="as it was chained"):
        check_chain(changed(LOG, **{field: value}))


# --- bytes


@pytest.mark.parametrize(
    "log",
    [
        Log("demo"),
        Log("demo", (), 7, bytes(range(16))),
        LOG,
        LOG.cut(3),
        LOG.cut(5),
        whole_story().log,
        crowded_hub(40).log,
        rechained(LOG, []),
    ],
    ids=["empty", "empty after 7", "small", "cut", "cut to nothing", "whole", "crowded", "no commits"],
)
def test_a_log_that_was_read_is_written_as_the_same_bytes(log: Log) -> None:
    data = write_log(log)
    again = read_log(data)
    assert write_log(again) == data
    assert (again.hub_id, again.base_seq, again.base_head, again.seq) == (log.hub_id, log.base_seq, log.base_head, log.seq)


def test_a_log_read_twice_is_the_same_log() -> None:
    data = write_log(whole_story().log)
    assert read_log(write_log(read_log(data))) == read_log(data)


@pytest.mark.parametrize("flip", [1 << bit for bit in range(8)])
def test_every_bit_that_was_flipped_is_found(flip: int) -> None:
    accepted: list[int] = []
    for at in range(len(DATA)):
        touched = bytearray(DATA)
        touched[at] ^= flip
        try:
            read_log(bytes(touched))
        except Malformed:
            continue
        accepted.append(at)
    assert accepted == []


@pytest.mark.parametrize("log", [LOG, LOG.cut(5), Log("demo")], ids=["small", "cut to nothing", "empty"])
def test_every_truncation_is_found(log: Log) -> None:
    data = write_log(log)
    accepted: list[int] = []
    for length in range(len(data)):
        try:
            read_log(data[:length])
        except Malformed:
            continue
        accepted.append(length)
    assert accepted == []


@pytest.mark.parametrize("at", range(len(write_log(Log("demo")))))
def test_every_byte_that_was_flipped_in_an_empty_log_is_found(at: int) -> None:
    touched = bytearray(write_log(Log("demo")))
    touched[at] ^= 1
    with pytest.raises(Malformed):
        read_log(bytes(touched))


@pytest.mark.parametrize(("touch", "place"), TOUCHED)
def test_commits_that_were_touched_are_refused_by_their_place(touch: Touch, place: int) -> None:
    with pytest.raises(Malformed, match=f"commit {place}: expected"):
        read_log(write_log(changed(LOG, commits=touch(LOG.commits))))


def test_the_log_of_another_hub_under_this_ones_name_is_refused() -> None:
    with pytest.raises(Malformed, match="commit 1"):
        read_log(write_log(changed(LOG, hub_id="other")))


@pytest.mark.parametrize("data", [b"", MAGIC, MAGIC[:-1], b"foldhub log 2\n" + DATA[len(MAGIC) :], b"SQLite format 3\0"])
def test_what_does_not_begin_like_a_log_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        read_log(data)


HEAD = ["demo", 0, GENESIS]


@pytest.mark.parametrize(
    "rows",
    [
        [7],
        [["demo", 0]],
        [["demo", 0, "head"]],
        [["demo", 0.0, GENESIS]],
        [["demo", True, GENESIS]],
        [["Demo", 0, GENESIS]],
        [["demo", -1, GENESIS]],
        [["demo", 2**63, GENESIS]],
        [HEAD, 7],
        [HEAD, [1, GENESIS]],
        [HEAD, ["1", GENESIS, b""]],
        [HEAD, [0, GENESIS, b""]],
        [HEAD, [2, GENESIS, b""]],
        [HEAD, [1, GENESIS, b""]],
    ],
    ids=repr,
)
def test_a_row_that_does_not_belong_in_a_log_is_malformed_though_the_digest_is_right(rows: list[object]) -> None:
    with pytest.raises(Malformed):
        read_log(signed(MAGIC + b"".join(map(framed, rows))))


def test_a_row_that_is_no_commit_is_malformed_though_it_is_chained() -> None:
    with pytest.raises(Malformed, match="expected 9 fields"):
        read_log(write_log(with_payload(LOG, 3, codec.pack([1]))))


def test_a_commit_of_an_unknown_format_is_malformed_though_it_is_chained() -> None:
    *before, last = LOG.commits
    with pytest.raises(Malformed, match="commit 5: expected format 1 to 1, came 2"):
        read_log(write_log(rechained(LOG, [*before, changed(last, form=2)])))


def test_bytes_behind_the_last_row_are_malformed_though_the_digest_is_right() -> None:
    with pytest.raises(Malformed, match="expected a whole row"):
        read_log(signed(DATA[:-16] + b"\0"))


def test_a_missing_last_commit_is_found() -> None:
    shorter = write_log(changed(LOG, commits=LOG.commits[:-1]))
    with pytest.raises(Malformed, match="digest of the whole log"):
        read_log(shorter[:-16] + DATA[-16:])


def test_a_log_goes_on_where_a_hub_stands() -> None:
    hub = RecordedHub()
    hub.ask(Tick(), STRANGER)
    assert (hub.log.seq, hub.log.commits[-1].chain) == (hub.state.seq, hub.state.head)


def test_a_whole_log_begins_where_a_new_hub_stands() -> None:
    assert (LOG.base_seq, LOG.base_head) == (HubState("demo").seq, HubState("demo").head)
