"""Records to bytes and back: what the bytes are, and every way in which bytes can be wrong."""

import sys
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from foldhub_core import codec
from foldhub_core.adapters.consulting import ConsultingState
from foldhub_core.codec import (
    FORMAT,
    History,
    body_hash,
    decode,
    decode_foreign,
    digest,
    encode,
    encode_foreign,
    from_data,
    hasher,
    pack,
    posted_hash,
    record_of,
    row_of,
    said_of,
    said_row,
    to_data,
    unpack,
)
from foldhub_core.commands import Arrival, Principal, Register, SetSkill, Start, Tick
from foldhub_core.data import Data, FrozenDict
from foldhub_core.effects import Refuse, Reply
from foldhub_core.envelope import Envelope
from foldhub_core.error_record import ErrorRecord
from foldhub_core.errors import Malformed
from foldhub_core.exact import EMPTY
from foldhub_core.facts import Configured, Rearmed
from foldhub_core.identity import Auth, Cost, Example, ObservedStat, Passport, Resume, Skill
from foldhub_core.limits import Limits
from foldhub_core.records import changed, names_of, record
from foldhub_core.rule import Inbox, Rate, Rule, RuleLimits
from foldhub_core.session import Manifest, Participant, Session
from foldhub_core.snapshot_rows import AgentRow, KeyRow, KeysRow
from foldhub_core.tags import TAGS
from foldhub_core.task import Task, TaskSpec

# --- the bytes, written down


@pytest.mark.parametrize(
    ("record", "row"),
    [
        (Tick(), [33]),
        (Cost(1.5), [4, 1.5, None, None]),
        (Principal(subject="ada", admin=True), [24, "ada", [], [], True]),
        (
            Envelope("s", "a", "x", {"b": 1, "a": [2]}),
            [1, "s", "a", "x", {"a": [2], "b": 1}, *[None] * 5, "normal", None, "", 0, 0, 0],
        ),
        (
            Passport("ada", cost=Cost()),
            [2, "ada", "", None, None, None, [4, None, None, None], [3, "none", None, None, None, {}], None, None, 1, None, None],
        ),
        (
            Resume(observed={"b": ObservedStat(1), "a": ObservedStat()}),
            [5, [], [], "", [], {"a": [7, 0, 0, 0, 0, 0, None], "b": [7, 1, 0, 0, 0, 0, None]}, 1, None],
        ),
        (Resume(examples=(Example("x"),)), [5, [], [], "", [[6, "x", "", None, None, None, ""]], {}, 1, None]),
        (
            Task("t", "a", TaskSpec("x"), result=(1,)),
            [21, "t", "a", [20, "x", "", {}, None], "created", 0, None, None, None, None, {}, [1], "", None],
        ),
        (Arrival(principal=Principal(), command=Tick(), now_ms=1), [25, [24, "", [], [], False], [33], 1, ""]),
        (Reply("r", None), [110, "r", None]),
        (Reply("r", Skill("x")), [110, "r", [8, "x", 1]]),
        (Refuse("r", ErrorRecord("error", "x")), [111, "r", [22, "error", "x", ""]]),
        (Rearmed("agent", "a", None), [84, "agent", "a", None]),
        (KeysRow("a", 0, (KeyRow("k", b"b", "m", 1, 2, 3, ("a",)),)), [145, "a", 0, [[144, "k", b"b", "m", 1, 2, 3, ["a"]]]]),
    ],
)
def test_a_record_is_a_row_of_its_tag_and_its_values(record: object, row: list[object]) -> None:
    assert msgspec.msgpack.decode(encode(record)) == row


def test_the_configuration_is_written_with_its_parts() -> None:
    row: Any = msgspec.msgpack.decode(encode(Configured((("core", "1"),), "f", Limits())))
    assert row[:3] == [80, [["core", "1"]], "f"]


def test_no_two_records_share_a_tag() -> None:
    assert len(set(TAGS.values())) == len(TAGS)


TAGGED = {
    1: "Envelope",
    2: "Passport",
    3: "Auth",
    4: "Cost",
    5: "Resume",
    6: "Example",
    7: "ObservedStat",
    8: "Skill",
    9: "Rule",
    10: "Access",
    11: "SessionTypes",
    12: "RuleLimits",
    13: "Rate",
    14: "Inbox",
    15: "Manifest",
    16: "ParticipantBounds",
    17: "Expectation",
    18: "Participant",
    19: "Session",
    20: "TaskSpec",
    21: "Task",
    22: "ErrorRecord",
    23: "Limits",
    24: "Principal",
    25: "Arrival",
    32: "Start",
    33: "Tick",
    34: "Register",
    35: "Unregister",
    36: "SetResume",
    37: "SetRule",
    38: "SetSkill",
    39: "RecordObservation",
    40: "Attach",
    41: "Detach",
    42: "OpenSession",
    43: "AnswerInvite",
    44: "Invite",
    45: "Leave",
    46: "RemoveParticipant",
    47: "CloseSession",
    48: "Post",
    49: "Ack",
    50: "Nack",
    51: "Resend",
    52: "ForwardDone",
    53: "ForwardFailed",
    54: "ObserveTask",
    55: "UpdateTask",
    56: "CheckpointTask",
    57: "EndTask",
    58: "RequestCancel",
    80: "Configured",
    81: "Attached",
    82: "Detached",
    83: "KeysExpired",
    84: "Rearmed",
    85: "Skipped",
    86: "Dropped",
    87: "Acked",
    88: "Nacked",
    89: "Redelivered",
    90: "DeadLettered",
    91: "Resent",
    92: "Dormant",
    93: "Woken",
    94: "Readdressed",
    110: "Reply",
    111: "Refuse",
    112: "Evict",
    113: "Deliver",
    114: "Redeliver",
    115: "Pressure",
    116: "Forward",
    140: "HubRow",
    141: "ConfiguredRow",
    142: "RefusalsRow",
    143: "AgentRow",
    144: "KeyRow",
    145: "KeysRow",
    146: "LinkRow",
    147: "DueRow",
    148: "EndRow",
    149: "SessionRow",
    150: "MailboxRow",
    151: "OwedRow",
    152: "Owed",
    153: "DeadLetterRow",
    154: "DeadLetter",
    155: "RateRow",
    156: "Asked",
    157: "Fired",
    158: "TaskRow",
    170: "GetAgent",
    171: "GetResume",
    172: "GetRule",
    173: "GetSkill",
    174: "FindAgentId",
    175: "NamesFor",
    176: "ListAgents",
    177: "AgentsWithCapability",
    178: "NameToIdMap",
    179: "SubjectOf",
    180: "LinkOf",
    181: "PostsLeft",
    182: "CanSend",
    183: "CreatedSessions",
    184: "PendingTurns",
    185: "InboxCountOf",
    186: "InboxCursor",
    187: "DeadLetters",
    188: "StandingOf",
    189: "GetSession",
    190: "ListSessions",
    191: "Expected",
    192: "ProtocolState",
    193: "Violations",
    194: "HiddenParticipants",
    195: "GetTask",
    196: "ListTasks",
    197: "ReadCheckpoint",
    198: "GetHealth",
    199: "ReadSession",
    200: "FindEnvelope",
    201: "FindByCausation",
    202: "GetEndedSession",
    203: "ListEndedSessions",
    204: "ListEndedTasks",
    205: "ReadAudit",
    206: "ReadCommits",
    207: "ReadOwed",
    230: "Hello",
    231: "Welcome",
    232: "Ask",
    233: "Query",
    234: "Answer",
    235: "Refusal",
    236: "Deliveries",
    237: "Sent",
    238: "Evicted",
    239: "Ping",
    240: "Pong",
    241: "Goodbye",
}


def test_a_tag_that_was_given_stays_with_its_record() -> None:
    assert {tag: cls.__name__ for cls, tag in TAGS.items() if tag in TAGGED} == TAGGED


@pytest.mark.parametrize("other", [object(), ConsultingState(), "text"])
def test_what_is_not_in_the_table_cannot_be_written(other: object) -> None:
    with pytest.raises(KeyError):
        encode(other)


# --- records of others: the state of a protocol


@record
class Bid:
    by: str
    cost: Cost | None = None


@record
class Market:
    bids: tuple[Bid, ...] = ()
    best: Bid | None = None
    notes: Mapping[str, object] = EMPTY


MARKET = Market((Bid("a"), Bid("b", Cost(1.5))), Bid("b", Cost(1.5)), {"k": [1, "x", None]})


def test_a_record_that_is_not_ours_is_a_row_of_the_tag_0() -> None:
    bid = [0, "b", [4, 1.5, None, None]]
    assert unpack(encode_foreign(MARKET)) == [0, [[0, "a", None], bid], bid, {"k": [1, "x", None]}]


def test_a_record_that_is_not_ours_is_read_back_by_its_class() -> None:
    assert decode_foreign(encode_foreign(MARKET), Market) == MARKET


@pytest.mark.parametrize(
    "data",
    [b"", b"\xc1", pack([0]), pack([1, [], None, {}]), pack([0, [], None, {}, 1]), pack([0, [[0, 1, None]], None, {}])],
    ids=["nothing", "no bytes of ours", "too few fields", "another tag", "too many fields", "a wrong type"],
)
def test_what_is_no_such_record_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode_foreign(data, Market)


def test_a_record_that_is_not_ours_is_not_read_as_one_of_ours() -> None:
    with pytest.raises(Malformed):
        record_of(unpack(encode_foreign(MARKET)))


# --- envelopes in a commit, and the hash of what was posted

SAID = Envelope("s", "a", "x", {"text": "t"}, ("b",), "c", "k", "t", "tr", "urgent", 5, "demo:e:a1", 7, 8, 9)


def test_what_a_commit_keeps_of_an_envelope_leaves_out_its_id_and_time() -> None:
    kept, whole = list(said_row(SAID)), list(row_of(SAID))
    assert kept == whole[:-4] + whole[-2:]


def test_an_envelope_is_whole_again_with_the_id_and_time_its_commit_tells() -> None:
    kept = unpack(pack(said_row(SAID)))
    assert isinstance(kept, list)
    assert said_of(kept, SAID.envelope_id, SAID.created_at_ms) == SAID


def test_the_hash_of_what_was_posted_does_not_look_at_the_stamp() -> None:
    assert posted_hash(SAID) == posted_hash(changed(SAID, envelope_id="", created_at_ms=0, number=0, depth=0))


@pytest.mark.parametrize("name", names_of(Envelope)[:11])
def test_the_hash_of_what_was_posted_looks_at_all_else(name: str) -> None:
    assert posted_hash(SAID) != posted_hash(changed(SAID, **{name: None}))


def test_a_row_that_was_packed_is_read_back() -> None:
    assert unpack(pack((1, "a", [None]))) == [1, "a", [None]]


# --- names for content


def test_equal_content_has_one_hash() -> None:
    assert body_hash(Envelope("s", "a", "x", {"a": 1, "b": 2})) == body_hash(Envelope("s", "a", "x", {"b": 2, "a": 1}))


@pytest.mark.parametrize("other", [Skill("a", 2), Skill("b"), SetSkill(agent_id="a", skill_md="a")])
def test_other_content_has_another_hash(other: object) -> None:
    assert body_hash(Skill("a")) != body_hash(other)


@pytest.mark.parametrize("value", [1.0, True])
def test_what_python_calls_equal_is_told_apart(value: object) -> None:
    assert body_hash(Envelope("s", "a", "x", {"a": value})) != body_hash(Envelope("s", "a", "x", {"a": 1}))


def test_the_hash_is_written_down() -> None:
    assert digest(b"abc").hex() == "cf4ab791c62b8d2b2109c90275287816"


def test_the_hash_may_come_in_pieces() -> None:
    pieces = hasher()
    pieces.update(b"a")
    pieces.update(b"bc")
    assert pieces.digest() == digest(b"abc")


# --- bytes that are wrong

COST = [4, 1.5, None, None]
SKILL = [8, "x", 1]
AUTH = [3, "none", None, None, None, {}]
PASSPORT = [2, "ada", "", None, None, None, None, AUTH, None, None, 1, None, None]
ENVELOPE = [1, "s", "a", "x", {"a": 1, "b": 2}, *[None] * 5, "normal", None, "", 0, 0, 0]
NAN = b"\xcb\x7f\xf8" + bytes(6)
ARRIVAL = [25, [24, "", [], [], False], [33], 1, ""]


def packed(value: object) -> bytes:
    return msgspec.msgpack.encode(value)


def with_field(row: list[Any], at: int, value: object) -> bytes:
    return packed([*row[:at], value, *row[at + 1 :]])


def with_raw_field(row: list[Any], at: int, raw: bytes) -> bytes:
    """The row with these bytes where a value was."""
    assert len(row) < 16
    return bytes([0x90 + len(row)]) + b"".join(raw if place == at else packed(value) for place, value in enumerate(row))


HOSTILE: dict[str, tuple[type, bytes]] = {
    "nothing": (Skill, b""),
    "one byte too few": (Skill, packed(SKILL)[:-1]),
    "one byte too many": (Skill, packed(SKILL) + b"\x00"),
    "no row": (Skill, packed("x")),
    "an empty row": (Skill, packed([])),
    "a map": (Skill, packed({"tag": 8})),
    "no tag": (Skill, packed(["x", 1])),
    "an unknown tag": (Skill, packed([31, "x", 1])),
    "a negative tag": (Skill, packed([-8, "x", 1])),
    "a tag as a float": (Skill, packed([8.0, "x", 1])),
    "a boolean as a tag": (Envelope, packed([True, *ENVELOPE[1:]])),
    "another record": (Skill, packed(COST)),
    "a field too few": (Skill, packed([8, "x"])),
    "a field too many": (Skill, packed([8, "x", 1, 1])),
    "a boolean for an integer": (Skill, packed([8, "x", True])),
    "a float for an integer": (Skill, packed([8, "x", 1.0])),
    "an integer for a float": (Cost, packed([4, 1, None, None])),
    "a short float": (Cost, with_raw_field(COST, 1, b"\xca\x3f\xc0\x00\x00")),
    "not a number": (Cost, with_raw_field(COST, 1, NAN)),
    "infinity": (Cost, with_raw_field(COST, 1, b"\xcb\x7f\xf0" + bytes(6))),
    "an integer beyond 64 bits with a sign": (Skill, packed([8, "x", 2**63])),
    "a large integer as an extension": (Skill, with_raw_field(SKILL, 2, b"\xc7\x09\x01" + bytes(9))),
    "a large integer as bytes": (Skill, packed([8, "x", (2**70).to_bytes(9, "big")])),
    "a long form of a small integer": (Skill, with_raw_field(SKILL, 2, b"\xd3" + bytes(7) + b"\x01")),
    "a long form of a short text": (Skill, with_raw_field(SKILL, 1, b"\xd9\x01x")),
    "a long form of a row": (Skill, b"\xdc\x00\x03" + packed(SKILL)[1:]),
    "a lone surrogate": (Skill, with_raw_field(SKILL, 1, b"\xa3\xed\xa0\x80")),
    "text that is not UTF-8": (Skill, with_raw_field(SKILL, 1, b"\xa1\xff")),
    "bytes for text": (Skill, packed([8, b"x", 1])),
    "an extension": (Skill, with_raw_field(SKILL, 1, b"\xd4\x05a")),
    "a timestamp": (Skill, with_raw_field(SKILL, 2, b"\xd6\xff\x00\x00\x00\x01")),
    "a timestamp out of range": (Skill, with_raw_field(SKILL, 2, b"\xc7\x0c\xff" + b"\xff" * 12)),
    "a byte that means nothing": (Skill, b"\xc1"),
    "arrays in arrays": (Skill, b"\x91" * 100_000),
    "maps in maps": (Skill, b"\x81\xa0" * 100_000),
    "a list that claims to be longer than memory": (Skill, b"\xdd\xff\xff\xff\xff"),
    "text that claims to be longer than memory": (Skill, b"\xdb\xff\xff\xff\xff"),
    "a word that is none of the allowed": (Envelope, with_field(ENVELOPE, 10, "loud")),
    "free data in another order": (Envelope, with_field(ENVELOPE, 4, {"b": 2, "a": 1})),
    "free data with a key twice": (Envelope, with_raw_field(ENVELOPE[:15], 4, b"\x82\xa1a\x01\xa1a\x01")),
    "free data that is none": (Envelope, with_field(ENVELOPE, 4, None)),
    "free data with a number as a key": (Envelope, with_field(ENVELOPE, 4, {1: 1})),
    "free data with a timestamp": (Envelope, with_field(ENVELOPE, 4, {"a": msgspec.msgpack.Ext(5, b"a")})),
    "free data with bytes": (Envelope, with_field(ENVELOPE, 4, {"a": b"a"})),
    "free data too deep": (Envelope, with_field(ENVELOPE, 4, {"a": msgspec.Raw(b"\x91" * 64 + b"\x90")})),
    "a map with a list as a key": (Skill, b"\x81\x91\x01\x01"),
    "a map with a map as a key": (Skill, b"\x81\x80\x01"),
    "None for a nested record": (Passport, with_field(PASSPORT, 7, None)),
    "a nested record of another class": (Passport, with_field(PASSPORT, 7, COST)),
    "a nested record without a tag": (Passport, with_field(PASSPORT, 7, [])),
    "a nested record that is a map": (Passport, with_field(PASSPORT, 7, {})),
    "a nested record with a boolean as a tag": (Arrival, with_field(ARRIVAL, 2, [True])),
    "a nested record of too few fields": (Passport, with_field(PASSPORT, 7, AUTH[:-1])),
    "a nested record that may not stand there": (Arrival, with_field(ARRIVAL, 2, SKILL)),
    "a rule across fields that is broken": (Arrival, with_field(ARRIVAL, 3, -1)),
    "a value that is no record": (Reply, packed([110, "r", 1])),
    "a value of an unknown tag": (Reply, packed([110, "r", [31]])),
    "a value that is an answer itself": (Reply, packed([110, "r", [110, "r", None]])),
    "answers in answers": (Reply, b"\x93\x6e\xa0" * 250 + b"\xc0"),
}


@pytest.mark.parametrize(("expected", "data"), HOSTILE.values(), ids=HOSTILE)
def test_wrong_bytes_are_malformed(expected: type, data: bytes) -> None:
    with pytest.raises(Malformed):
        decode(data, expected)


@pytest.mark.parametrize(
    ("row", "cls"), [(COST, Cost), (SKILL, Skill), (PASSPORT, Passport), (ENVELOPE, Envelope), (ARRIVAL, Arrival)]
)
def test_the_rows_these_bytes_were_made_from_are_right(row: list[object], cls: type) -> None:
    assert type(decode(packed(row), cls)) is cls


@pytest.mark.parametrize(
    ("expected", "data", "where"),
    [
        (Skill, packed([8, 1, 1]), "Skill.text"),
        (Skill, packed([8, "x"]), "Skill"),
        (Passport, with_field(PASSPORT, 6, [4, "x", None, None]), "Passport.cost.Cost.input_per_mtok"),
        (Envelope, with_field(ENVELOPE, 4, {"a": [b""]}), "Envelope.event_data.a[0]"),
        (Arrival, with_field(ARRIVAL, 2, SKILL), "Arrival.command"),
        (Reply, packed([110, "r", 1]), "Reply.value"),
    ],
)
def test_a_refusal_says_where_the_bytes_are_wrong(expected: type, data: bytes, where: str) -> None:
    with pytest.raises(Malformed) as refused:
        decode(data, expected)
    assert refused.value.where == where


@pytest.mark.parametrize("form", [-1, 0, FORMAT + 1, 2**70])
def test_bytes_of_a_format_we_do_not_know_are_malformed(form: int) -> None:
    with pytest.raises(Malformed, match="expected format"):
        decode(encode(Skill("x")), Skill, form)


def test_an_answer_may_be_nothing() -> None:
    assert decode(encode(Reply("r", None)), Reply) == Reply("r", None)


def test_a_manifest_that_is_too_deep_is_malformed() -> None:
    names = names_of(Session)
    values = [b"\xa1a"] * len(names)
    # What is too deep to be written again, and not to be read, depends on how deep the stack is that asks.
    for depth in range(sys.getrecursionlimit() - 300, sys.getrecursionlimit() + 20):
        values[names.index("manifest")] = b"\x91" * depth + b"\xc0"
        with pytest.raises(Malformed):
            decode(b"\xdc" + (len(names) + 1).to_bytes(2, "big") + pack(TAGS[Session]) + b"".join(values), Session)


def test_a_row_is_read_whatever_record_it_is() -> None:
    assert record_of(unpack(encode(Skill("x")))) == Skill("x")


# --- rows of older formats: a skill of format 1 had its text in lines, a format later its version came first


def joined(values: list[Any]) -> list[object]:
    lines, version = values
    return [version, "\n".join(lines)]


def swapped(values: list[Any]) -> list[object]:
    version, text = values
    return [text, version]


HISTORY = History(3, {(1, TAGS[Skill]): joined, (2, TAGS[Skill]): swapped})
OLD = [[8, ["a", "b"], 7], [8, 7, "a\nb"], [8, "a\nb", 7]]


@pytest.mark.parametrize("form", [1, 2, 3])
def test_an_old_row_is_read_as_todays_record(form: int) -> None:
    assert decode(packed(OLD[form - 1]), Skill, form, HISTORY) == Skill("a\nb", 7)


@pytest.mark.parametrize("form", [1, 2, 3])
def test_an_old_row_in_another_is_read_too(form: int) -> None:
    row = [110, "r", OLD[form - 1]]
    assert decode(packed(row), Reply, form, HISTORY) == Reply("r", Skill("a\nb", 7))


@pytest.mark.parametrize("form", [1, 2, 3])
def test_an_old_row_in_a_declared_field_is_read_too(form: int) -> None:
    row = list(row_of(AgentRow("a", Passport("ada"), Resume(), Rule(), Skill("a\nb", 7), "", FrozenDict(), 0, ())))
    old = packed([*row[:5], OLD[form - 1], *row[6:]])
    assert decode(old, AgentRow, form, HISTORY).skill == Skill("a\nb", 7)


def test_what_did_not_change_is_read_from_every_format() -> None:
    assert decode(encode(Cost(1.0)), Cost, 1, HISTORY) == Cost(1.0)


def test_old_rows_need_not_be_what_is_written_today() -> None:
    assert decode(packed([4, 1, None, None]), Cost, 1, HISTORY) == Cost(1.0)


def test_rows_of_the_newest_format_must_be() -> None:
    with pytest.raises(Malformed, match="canonical"):
        decode(packed([4, 1, None, None]), Cost, 3, HISTORY)


@pytest.mark.parametrize("row", [[8], [8, 1, 2], [8, ["a"], 1, 2], [8, [1], 1], [8, ["a"], "x"]])
def test_a_row_that_never_was_one_of_its_format_is_malformed(row: list[object]) -> None:
    with pytest.raises(Malformed) as refused:
        decode(packed(row), Skill, 1, HISTORY)
    assert refused.value.where.startswith("Skill")


def test_nothing_has_changed_yet() -> None:
    assert (codec.HISTORY.form, dict(codec.HISTORY.upcasts)) == (FORMAT, {})


# --- named maps


def test_a_record_is_a_named_map_with_records_in_it_as_maps() -> None:
    assert to_data(Rule(limits=RuleLimits(rate=Rate(1, 2), inbox=Inbox(overflow="drop_oldest")))) == {
        "access": {"inbound_from": ("*",), "outbound_to": ("*",), "session_types": {"accept": ("*",), "initiate": ("*",)}},
        "limits": {
            "delegation_depth": 5,
            "inbox": {"high_water": None, "max_pending": 1000, "overflow": "drop_oldest"},
            "max_concurrent_sessions": 0,
            "max_concurrent_tasks": 0,
            "rate": {"burst": 2, "per_minute": 1},
            "session_ttl_default": "2h",
            "task_ttl_default": "15m",
        },
        "version": 1,
    }


def test_a_state_is_told_as_text() -> None:
    state = to_data(Session("s", Manifest("x"), "a", (Participant("a"),)))["state"]
    assert (type(state), state) == (str, "pending")


def test_a_named_map_is_frozen() -> None:
    assert type(to_data(Passport("ada"))["auth"]) is Data


@pytest.mark.parametrize(
    ("given", "record"),
    [
        ({"name": "ada"}, Passport("ada")),
        ({"name": "ada", "cost": {"input_per_mtok": 1}}, Passport("ada", cost=Cost(1.0))),
        ({"name": "ada", "auth": {}}, Passport("ada", auth=Auth())),
    ],
)
def test_fields_left_out_of_a_named_map_take_their_defaults(given: dict[str, object], record: Passport) -> None:
    assert from_data(Passport, given) == record


def test_a_named_map_is_read_into_a_field_of_any_kind_as_free_data() -> None:
    assert from_data(Reply, {"ref": "r", "value": {"a": [1]}}) == Reply("r", {"a": (1,)})


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({}, "Passport"),
        ({"name": 1}, "Passport.name"),
        ({"name": "ada", "nickname": "a"}, "Passport"),
        ({"name": "ada", 1: "a"}, "Passport"),
        ({"name": "ada", "auth": None}, "Passport.auth"),
        ({"name": "ada", "auth": {"token": "x"}}, "Passport.auth.Auth"),
        ({"name": "ada", "cost": {"input_per_mtok": "x"}}, "Passport.cost.Cost.input_per_mtok"),
        ([["name", "ada"]], ""),
        ("name", ""),
        (None, ""),
    ],
)
def test_another_map_is_malformed_by_its_place(given: Any, where: str) -> None:
    with pytest.raises(Malformed) as refused:
        from_data(Passport, given)
    assert refused.value.where == where


def test_a_rule_across_fields_holds_in_a_named_map() -> None:
    with pytest.raises(Malformed, match="caps of 0"):
        from_data(RuleLimits, {"delegation_depth": -1})


@pytest.mark.parametrize(
    "record", [Register(passport=Passport("ada"), resume=Resume()), Start(), SetSkill(agent_id="a", skill_md=None)]
)
def test_a_command_comes_back_from_its_named_map(record: object) -> None:
    assert from_data(type(record), to_data(record)) == record
