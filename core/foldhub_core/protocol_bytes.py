"""The state of a protocol as bytes: as a snapshot keeps it, and as it crosses a wire."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

from . import codec
from .data import freeze
from .error_record import what_raised
from .errors import Malformed, unexpected
from .sessions import Faulty

if TYPE_CHECKING:
    from .config import AnyAdapter


def write_protocol(protocol: object) -> bytes:
    """Write the state of a protocol: as the data it says itself in, else field by field."""
    if isinstance(protocol, Faulty):
        return codec.pack(("faulty", protocol.reason))
    to_data: Callable[[object], Mapping[str, object]] | None = getattr(type(protocol), "to_data", None)
    return codec.encode_foreign(protocol) if to_data is None else codec.pack(freeze(to_data(protocol)))


def read_protocol(adapter: "AnyAdapter", written: bytes, form: int, where: str = "snapshot") -> object:
    """Read the state of a protocol, or raise `Malformed`, whatever its adapter raises."""
    try:
        if not hasattr(adapter.state_type, "to_data"):
            return codec.decode_foreign(written, adapter.state_type, form)
        data = codec.unpack(written)
        if not isinstance(data, dict):
            raise unexpected("the data of a protocol's state", data, where=where)
        return cast(object, adapter.read_state(freeze(cast("dict[str, object]", data))))
    except Malformed:
        raise
    except Exception as error:
        raise Malformed(f"expected the data of a protocol's state; its adapter {what_raised(error)}", where=where) from error
