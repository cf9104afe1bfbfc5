"""Changing bytes: blindly, and by the parts they are made of."""

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import msgspec

from foldhub_core.wire.framing import HEADER, framed

from .targets import LARGEST, Shape

# Any throughout: what stands in bytes is of any type, and is to become of any other.

BYTES: tuple[int, ...] = (
    *(0x00, 0x01, 0x7F, 0x80, 0x81, 0x90, 0x91, 0x92, 0xA0, 0xA1, 0xC0, 0xC1, 0xC2, 0xC3, 0xC4, 0xCA, 0xCB, 0xCC, 0xCD, 0xCF),
    *(0xD0, 0xD3, 0xD4, 0xD9, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF, 0xE0, 0xFE, 0xFF),
)

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 127, 128, 255, 256, 2**31 - 1, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64 - 1, -(2**63)),
    *(0.0, -0.0, 1.0, 1.5, 1e308, float("inf"), float("nan"), "", "x", "a" * 300, "\0", "\u202e", "demo:a:1", "demo:s:1", "hub"),
    *("*", "../x", "\U0001f5dd", b"", b"\xc0", b"\x91" * 50, [], [[]], {}, {"a": 1}, {"": {}}, {"b": 1, "a": 2}, [None] * 20),
)


def changed_bytes(data: bytes, others: Sequence[bytes], shape: Shape, dice: Random) -> bytes:
    """Bytes that are somewhat different; `others` are some of the same kind."""
    for _ in range(dice.choice((1, 1, 1, 2, 3, 6))):
        data = dice.choice((blindly, *_BY_PARTS[shape]))(data, others, dice)
    return data[:LARGEST]


def blindly(data: bytes, others: Sequence[bytes], dice: Random) -> bytes:
    """Change some bytes of it."""
    at, size = dice.randrange(len(data) + 1), dice.choice((1, 1, 2, 4, 8, 32))
    match dice.randrange(7):
        case 0 if data:
            at = dice.randrange(len(data))
            return data[:at] + bytes([data[at] ^ (1 << dice.randrange(8))]) + data[at + 1 :]
        case 1:
            return data[:at] + bytes([dice.choice(BYTES) for _ in range(min(size, 4))]) + data[at + min(size, 4) :]
        case 2:
            return data[:at] + dice.randbytes(size) + data[at:]
        case 3:
            return data[:at] + data[at + size :]
        case 4:
            return data[:at] + data[at : at + size] * dice.choice((2, 3, 20)) + data[at + size :]
        case 5:
            other = dice.choice(others)
            return data[:at] + other[dice.randrange(len(other) + 1) :]
        case _:
            return data[:at]


def _in_a_row(data: bytes, others: Sequence[bytes], dice: Random) -> bytes:
    """Change the values of a msgpack row."""
    try:
        value: Any = msgspec.msgpack.decode(data)
        other: Any = msgspec.msgpack.decode(dice.choice(others))
        return msgspec.msgpack.encode(_value_changed(value, other, dice))
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError, OverflowError):
        return blindly(data, others, dice)


def _behind_a_byte(data: bytes, others: Sequence[bytes], dice: Random) -> bytes:
    """Change the row behind the first byte."""
    return data[:1] + _in_a_row(data[1:], [other[1:] for other in others], dice)


def _in_frames(data: bytes, others: Sequence[bytes], dice: Random) -> bytes:
    """Change a frame of it, or the order of its frames."""
    mine, rest = _split(data)
    theirs, _ = _split(dice.choice(others))
    if not mine:
        return framed(data[HEADER:]) if len(data) > HEADER else blindly(data, others, dice)
    at = dice.randrange(len(mine))
    match dice.randrange(6):
        case 0:
            mine.insert(at, dice.choice(theirs or mine))
        case 1:
            del mine[at]
        case 2:
            mine[at:at] = [mine[at]] * dice.choice((1, 2, 12))
        case 3:
            dice.shuffle(mine)
        case 4:
            mine[at] = blindly(mine[at], theirs or mine, dice)
        case _:
            mine[at] = _in_a_row(mine[at], theirs or mine, dice)
    return b"".join([framed(one) for one in mine]) + rest


def _split(data: bytes) -> tuple[list[bytes], bytes]:
    found: list[bytes] = []
    while len(data) > HEADER and 0 < (size := int.from_bytes(data[:HEADER], "big")) <= len(data) - HEADER:
        found.append(data[HEADER : HEADER + size])
        data = data[HEADER + size :]
    return found, data


def _in_json(data: bytes, others: Sequence[bytes], dice: Random) -> bytes:
    """Change the values of a line of JSON."""
    try:
        return json.dumps(_value_changed(json.loads(data), json.loads(dice.choice(others)), dice)).encode()
    except (ValueError, TypeError, RecursionError):
        return blindly(data, others, dice)


def _value_changed(value: Any, other: Any, dice: Random) -> Any:
    """A value with something in it changed."""
    if isinstance(value, bytes) and value and dice.randrange(4):
        return _in_a_row(value, [other if isinstance(other, bytes) else value], dice)
    if isinstance(value, list) and value and dice.randrange(8):
        return _list_changed(value, other, dice)
    if isinstance(value, dict) and value and dice.randrange(8):
        key = dice.choice(sorted(value))
        if dice.randrange(4):
            return value | {key: _value_changed(value[key], other.get(key) if isinstance(other, dict) else None, dice)}
        return {name: held for name, held in value.items() if name != key} | ({"zz": value[key]} if dice.randrange(2) else {})
    if isinstance(value, str) and value and dice.randrange(3):
        at = dice.randrange(len(value))
        return value[:at] + dice.choice(("", "\0", "é", "x" * 70, ":", value)) + value[at + 1 :]
    if isinstance(value, int) and dice.randrange(3):
        return value + dice.choice((-1, 1, 2, 255, 2**31, -(2**31)))
    return other if dice.randrange(4) == 0 else dice.choice(VALUES)


def _list_changed(value: list[Any], other: Any, dice: Random) -> list[Any]:
    at = dice.randrange(len(value))
    theirs = other[at] if isinstance(other, list) and at < len(other) else None
    match dice.randrange(8):
        case 0:
            return value[:at] + value[at + 1 :]
        case 1:
            return [*value[:at], theirs, *value[at:]]
        case 2:
            return [*value[:at], value[at], *value[at:]]
        case _:
            return [*value[:at], _value_changed(value[at], theirs, dice), *value[at + 1 :]]


_Change = Callable[[bytes, Sequence[bytes], Random], bytes]
_BY_PARTS: dict[Shape, tuple[_Change, ...]] = {
    "frames": (_in_frames, _in_frames),
    "row": (_in_a_row, _in_a_row, _behind_a_byte),
    "line": (_in_json, _in_json),
}
