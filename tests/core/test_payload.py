"""What is stored of a commit is read in two ways that must never differ: quickly where it is plain, by rule everywhere."""

from typing import Any

import pytest

from foldhub_core import codec
from foldhub_core.data import INT_MAX
from foldhub_core.envelope import Envelope
from foldhub_core.errors import Malformed
from foldhub_core.facts import Acked, Configured, Fact
from foldhub_core.ids import make_id
from foldhub_core.payload import PLAIN_MARKS, Fields, read_by_rule, read_payload, read_quickly

from .record_kinds import sample

HUB_ID, SEQ, AT_MS = "demo", 7, 5


def said(data: dict[str, object], place: int = 0, **more: Any) -> Envelope:
    envelope_id = make_id(HUB_ID, "e", SEQ, place)
    return Envelope("s", "a", "message.text", data, envelope_id=envelope_id, created_at_ms=AT_MS, number=3, **more)


FULL = said(
    {"text": "grüße", "more": {"list": [1, 2.5, None, True, "x"]}},
    audience=("b", "ç"),
    causation_id="c",
    idempotency_key="k",
    task_id="t",
    trace_id="r",
    priority="urgent",
    ttl_seconds=9,
    depth=2,
)
PLAIN: list[tuple[Fact, ...]] = [
    (said({"text": "hello"}),),
    (FULL,),
    (said({}), said({"b": "2", "a": "1"}, 1)),
    (Acked("b", (1, 2, INT_MAX)),),
    *[(sample(cls), said({"text": "hello"})) for cls in PLAIN_MARKS],
    (),
]


def fields_of(*facts: Fact) -> list[Any]:
    rows = [codec.said_row(fact) if isinstance(fact, Envelope) else codec.row_of(fact) for fact in facts]
    return [AT_MS, "subject", False, True, None, None, None, rows, None]


def with_field(at: int, value: object) -> list[Any]:
    fields = fields_of(FULL)
    fields[at] = value
    return fields


def with_said(at: int, value: object) -> list[Any]:
    """At a place of the row of a word, behind its tag."""
    fields = fields_of(FULL)
    row = list(fields[7][0])
    row[at + 1] = value
    fields[7] = [row]
    return fields


def content(read: Fields) -> object:
    """In bytes, where 1 and True are two things."""
    now_ms, actor, facts, *rows = read
    return codec.pack([now_ms, actor, [codec.encode(fact) for fact in facts], *rows]), facts


def came(fields: list[Any]) -> object:
    """What is read, or that it is refused and how."""
    try:
        return content(read_payload(HUB_ID, SEQ, codec.FORMAT, codec.pack(fields)))
    except Malformed as refused:
        return str(refused)


def by_rule(fields: list[Any]) -> object:
    try:
        return content(read_by_rule(HUB_ID, SEQ, codec.FORMAT, codec.pack(fields)))
    except Malformed as refused:
        return str(refused)


@pytest.mark.parametrize("facts", PLAIN, ids=lambda facts: "-".join([type(fact).__name__ for fact in facts]) or "none")
def test_what_is_plain_is_read_quickly_and_as_by_rule(facts: tuple[Fact, ...]) -> None:
    quick = read_quickly(HUB_ID, SEQ, codec.pack(fields_of(*facts)))
    assert quick is not None
    assert content(quick) == by_rule(fields_of(*facts))
    assert quick[2] == facts


@pytest.mark.parametrize("cls", [Envelope, *PLAIN_MARKS])
def test_what_is_read_quickly_has_no_rule_beside_the_types_of_its_fields(cls: type) -> None:
    assert not hasattr(cls, "__checked__")


@pytest.mark.parametrize(
    "fields",
    [
        fields_of(sample(Configured)),
        [*fields_of(FULL), "owner"],
    ],
    ids=["a mark that holds records", "the owner of a remote agent"],
)
def test_the_rest_is_read_by_rule(fields: list[Any]) -> None:
    assert read_quickly(HUB_ID, SEQ, codec.pack(fields)) is None
    assert came(fields) == by_rule(fields)


def test_an_older_format_is_read_by_rule() -> None:
    with pytest.raises(Malformed, match="expected format 1 to"):
        read_payload(HUB_ID, SEQ, 0, codec.pack(fields_of(Acked("b", (1,)))))


JUNK: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.0,
    2**63,
    "",
    "é",
    "x",
    b"x",
    [],
    ["x"],
    [1],
    [None],
    {},
    {"text": 1},
    {1: "x"},
    [[]],
    [[5]],
    [[99, "x"]],
)


@pytest.mark.parametrize("at", range(9))
@pytest.mark.parametrize("value", JUNK, ids=repr)
def test_a_field_that_holds_something_else_is_read_or_refused_as_by_rule(at: int, value: object) -> None:
    assert came(with_field(at, value)) == by_rule(with_field(at, value))


@pytest.mark.parametrize("at", range(13))
@pytest.mark.parametrize("value", [*JUNK, float("nan"), {"deep": float("inf")}, "urgent", "URGENT"], ids=repr)
def test_a_field_of_a_word_that_holds_something_else_is_read_or_refused_as_by_rule(at: int, value: object) -> None:
    assert came(with_said(at, value)) == by_rule(with_said(at, value))


@pytest.mark.parametrize("cut", [0, 1, 8])
def test_a_payload_of_too_few_fields_is_refused_as_by_rule(cut: int) -> None:
    assert came(fields_of(FULL)[:cut]) == by_rule(fields_of(FULL)[:cut])


@pytest.mark.parametrize("more", [(None,), ("x", "y"), (1,)])
def test_a_payload_of_too_many_fields_is_refused_as_by_rule(more: tuple[object, ...]) -> None:
    assert came([*fields_of(FULL), *more]) == by_rule([*fields_of(FULL), *more])


def test_data_deeper_than_any_reader_follows_is_refused_as_by_rule() -> None:
    deep: object = "x"
    for _ in range(200):
        deep = [deep]
    assert came(with_said(3, {"deep": deep})) == by_rule(with_said(3, {"deep": deep}))


def test_bytes_that_are_no_payload_are_refused() -> None:
    assert read_quickly(HUB_ID, SEQ, b"\xc1") is None
    with pytest.raises(Malformed):
        read_payload(HUB_ID, SEQ, codec.FORMAT, b"\xc1")


def test_a_text_that_is_no_utf_8_is_refused() -> None:
    payload = codec.pack(fields_of(said({"text": "hello"}))).replace(b"hello", b"he\xed\xa0\x80")
    assert read_quickly(HUB_ID, SEQ, payload) is None
    with pytest.raises(Malformed):
        read_payload(HUB_ID, SEQ, codec.FORMAT, payload)
