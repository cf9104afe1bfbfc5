"""What must hold of every record and of all bytes: one way to be written, and one error over everything else."""

from collections.abc import Callable, Mapping
from typing import Any, get_args, get_origin

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from foldhub.testing.strategies import arrivals, passports, plain_data, records, resumes, rules, skills, values
from foldhub_core.codec import body_hash, decode, encode, from_data, to_data, unpack
from foldhub_core.data import Data, FrozenDict
from foldhub_core.envelope import Envelope
from foldhub_core.errors import Malformed
from foldhub_core.identity import Passport
from foldhub_core.records import values_of
from foldhub_core.session import Session
from foldhub_core.tags import TAGS
from tests.core.record_kinds import ALL, fields_of, given_values, sample

SAMPLES: dict[type, object] = {cls: sample(cls) for cls in ALL}

few = settings(max_examples=12, deadline=None)
some = settings(max_examples=60, deadline=None)
many = settings(max_examples=200, deadline=None)


def leaves(value: object) -> list[object]:
    """All that is in a record, in order, with its types: where `==` says that 1 is True."""
    if type(value) in TAGS:
        return [type(value), *[part for held in values_of(value) for part in leaves(held)]]
    if isinstance(value, dict):
        return [type(value), *[part for key, item in value.items() for part in (key, *leaves(item))]]
    if isinstance(value, tuple):
        return [tuple, len(value), *[part for item in value for part in leaves(item)]]
    return [type(value), repr(value)]


def is_record_or_malformed(data: bytes, expected: type) -> None:
    """Bytes are a record of this class, and then the only bytes for it, or they are `Malformed`."""
    try:
        record: object = decode(data, expected)
    except Malformed:
        return
    assert type(record) is expected
    assert encode(record) == data


# --- every record


@pytest.mark.parametrize("cls", ALL)
def test_every_record_of_the_table_comes_back_from_its_bytes(cls: type) -> None:
    @few
    @given(records(cls))
    def holds(record: object) -> None:
        again: object = decode(encode(record), cls)
        assert again == record
        assert leaves(again) == leaves(record)

    holds()


@pytest.mark.parametrize("cls", ALL)
def test_what_comes_back_is_written_as_the_same_bytes(cls: type) -> None:
    @few
    @given(records(cls))
    def holds(record: object) -> None:
        data = encode(record)
        assert encode(decode(data, cls)) == data

    holds()


def plain(declared: Any) -> bool:
    return get_origin(declared) is Mapping and get_args(declared)[1] is object


@pytest.mark.parametrize(("cls", "name"), [(cls, field.name) for cls in ALL for field in fields_of(cls) if plain(field.type)])
def test_the_order_a_map_was_built_in_leaves_no_trace_in_the_bytes(cls: type, name: str) -> None:
    @few
    @given(plain_data(), st.randoms(use_true_random=False))
    def holds(given_data: dict[str, object], shuffle: Any) -> None:
        pairs = list(given_data.items())
        shuffle.shuffle(pairs)
        values = given_values(SAMPLES[cls])
        assert encode(cls(**values | {name: dict(pairs)})) == encode(cls(**values | {name: given_data}))

    holds()


@few
@given(st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=5))
def test_a_map_of_texts_is_written_in_one_order(labels: dict[str, str]) -> None:
    make: Any = Session
    values = given_values(SAMPLES[Session])
    turned = [make(**values | {"labels": each}) for each in (labels, dict(reversed(labels.items())), FrozenDict(labels))]
    assert len({encode(each) for each in turned}) == 1


@some
@given(arrivals(), arrivals())
def test_different_records_are_different_bytes(left: object, right: object) -> None:
    assert (encode(left) == encode(right)) == (leaves(left) == leaves(right))


@some
@given(arrivals(), arrivals())
def test_different_records_have_different_hashes(left: object, right: object) -> None:
    assert (body_hash(left) == body_hash(right)) == (leaves(left) == leaves(right))


@pytest.mark.parametrize("strategy", [passports, resumes, rules, skills])
def test_what_stands_in_an_envelope_comes_back_from_its_named_map(strategy: Callable[[], st.SearchStrategy[object]]) -> None:
    @few
    @given(strategy())
    def holds(record: object) -> None:
        carried = decode(encode(Envelope("s", "a", "x", {"it": to_data(record)})), Envelope).event_data["it"]
        assert isinstance(carried, Data)
        assert leaves(from_data(type(record), carried)) == leaves(record)

    holds()


# --- all bytes

LONE_SURROGATE = b"\xa3\xed\xa0\x80"
NAN = b"\xcb\x7f\xf8" + bytes(6)
BIG = [b"\xc7\x09\x01" + bytes(9), msgspec.msgpack.encode((2**70).to_bytes(9, "big")), b"\xcf" + b"\xff" * 8]
TIMES = [b"\xd6\xff\x00\x00\x00\x01", b"\xc7\x0c\xff" + b"\xff" * 12, b"\xc7\x0c\xff" + bytes(12)]
NUMBERS = [b"\xd3" + bytes(8), b"\xca" + bytes(4), b"\xcd\x00\x01", b"\xcb\x80" + bytes(7)]
ODD = st.sampled_from([LONE_SURROGATE, NAN, *BIG, *TIMES, *NUMBERS, b"\xc1", b"\x91" * 2000, b"\x81\xa0" * 2000, b"\xd4\x05a"])

leaf_values = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=4) | st.binary(max_size=4)
)
odd_values = leaf_values | ODD.map(msgspec.Raw)
any_values = st.recursive(
    odd_values,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2) | st.integers(-9, 9), inner, max_size=3),
    max_leaves=6,
)
valid_records: st.SearchStrategy[object] = st.sampled_from(ALL).flatmap(records)


@many
@given(st.binary(max_size=40), st.sampled_from(ALL))
@example(LONE_SURROGATE, Envelope)
@example(NAN, Envelope)
@example(b"\x91" * 100_000, Envelope)
@example(b"\x81" * 100_000, Envelope)
def test_any_bytes_are_a_record_or_malformed(data: bytes, cls: type) -> None:
    is_record_or_malformed(data, cls)


@many
@given(any_values, st.sampled_from(ALL))
def test_any_value_is_a_record_or_malformed(value: object, cls: type) -> None:
    is_record_or_malformed(msgspec.msgpack.encode(value), cls)


@many
@given(st.sampled_from(ALL), st.data())
def test_any_values_under_a_tag_are_a_record_or_malformed(cls: type, draw: st.DataObject) -> None:
    row = draw.draw(st.lists(any_values, min_size=max(len(fields_of(cls)) - 1, 0), max_size=len(fields_of(cls)) + 1))
    is_record_or_malformed(msgspec.msgpack.encode([TAGS[cls], *row]), cls)


@many
@given(st.sampled_from(ALL), st.data())
def test_a_record_with_any_value_in_one_field_is_a_record_or_malformed(cls: type, draw: st.DataObject) -> None:
    row = unpack(encode(SAMPLES[cls]))
    assert isinstance(row, list)
    row[draw.draw(st.integers(0, len(row) - 1))] = draw.draw(any_values)
    is_record_or_malformed(msgspec.msgpack.encode(row), cls)


@many
@given(valid_records, st.data())
def test_a_record_with_touched_bytes_is_a_record_or_malformed(record: object, draw: st.DataObject) -> None:
    data = encode(record)
    at = draw.draw(st.integers(0, len(data) - 1))
    behind = at + draw.draw(st.integers(0, 3))
    is_record_or_malformed(data[:at] + draw.draw(st.binary(max_size=3) | ODD) + data[behind:], type(record))


@some
@given(valid_records, st.data())
def test_a_record_cut_short_is_malformed(record: object, draw: st.DataObject) -> None:
    data = encode(record)
    with pytest.raises(Malformed):
        decode(data[: draw.draw(st.integers(0, len(data) - 1))], type(record))


@pytest.mark.parametrize("cls", ALL)
def test_a_record_of_another_arity_is_malformed(cls: type) -> None:
    row = unpack(encode(SAMPLES[cls]))
    assert isinstance(row, list)
    for other in (row[:-1], [*row, None]):
        with pytest.raises(Malformed):
            decode(msgspec.msgpack.encode(other), cls)


@pytest.mark.parametrize("cls", ALL)
def test_a_record_is_never_another_one(cls: type) -> None:
    data = encode(SAMPLES[cls])
    for other in set(ALL) - {cls}:
        with pytest.raises(Malformed):
            decode(data, other)


@many
@given(
    st.dictionaries(
        st.sampled_from(["name", "cost", "auth", "kind", "version", "nickname"]) | st.text(max_size=3), values(), max_size=4
    )
)
def test_any_named_map_is_a_record_or_malformed(given_data: dict[str, Any]) -> None:
    try:
        passport = from_data(Passport, given_data)
    except Malformed:
        return
    assert leaves(from_data(Passport, to_data(passport))) == leaves(passport)
