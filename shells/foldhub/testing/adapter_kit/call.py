"""A call of the adapter by the hub, as it is watched: what was asked, what came, and what it looked at beside."""

import gc
import random
import sys
from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

import attrs

from foldhub_core import Envelope, Session
from foldhub_core.config import AnyAdapter

from .writing import read_state, rewritten_record, rewritten_state, watched_state, written_record

# Any, all over: states and answers are the adapter's own, and only its laws look into them.


@attrs.define(eq=False)
class Call:
    """One call."""

    adapter: AnyAdapter
    method: str
    args: tuple[Any, ...]
    result: Any = None
    error: Exception | None = None
    before: tuple[bytes | None, ...] = ()
    """The arguments as bytes, before."""
    after: tuple[bytes | None, ...] = ()
    looked_at: str | None = None
    """The first thing it asked for beside its arguments: a clock, a die, a file."""
    read: Callable[[bytes], Any] = attrs.field(
        default=attrs.Factory(lambda self: partial(read_state, self.adapter), takes_self=True), repr=False
    )
    """Reads a state back."""

    @property
    def session(self) -> Session | None:
        """The session it was asked about."""
        return next((one for one in self.args if type(one) is Session), None)

    @property
    def envelope(self) -> Envelope | None:
        """The word it was asked about."""
        return next((one for one in self.args if type(one) is Envelope), None)

    @property
    def state_at(self) -> int | None:
        """Which of the arguments is the protocol's state."""
        places = {"fold": 0, "initial_state": None, "validate_create": None}
        return places.get(self.method, 1)

    @property
    def outcome(self) -> str:
        """What came, in words."""
        return f"raised {told_error(self.error)}" if self.error is not None else f"gave {self.result!r}"

    def again(self, adapter: AnyAdapter | None = None, *args: Any) -> "Call":
        """Ask the same again: of another adapter, or with other arguments."""
        call = Call(self.adapter if adapter is None else adapter, self.method, args or self.args)
        try:
            call.result = getattr(call.adapter, self.method)(*call.args)
        except Exception as error:
            call.error = error.with_traceback(None)
        return call


def watched_call(adapter: AnyAdapter, method: str, args: tuple[Any, ...], read: Callable[[bytes], Any]) -> Call:
    """Call the adapter, and watch it."""
    call = Call(adapter, method, args, before=_as_bytes(args, written_record, watched_state), read=read)
    asked = getattr(adapter, method)
    watch = _Watch()
    before, collects = sys.getprofile(), gc.isenabled()
    gc.disable()  # or what others do while garbage is collected would seem to be the adapter's
    sys.setprofile(watch)
    try:
        call.result = asked(*args)
    except Exception as error:
        call.error = error
    finally:
        sys.setprofile(before)
        if collects:
            gc.enable()
    call.looked_at = watch.seen
    call.after = _as_bytes(args, rewritten_record, rewritten_state)
    return call


def told_error(error: Exception | None) -> str:
    """An exception in words: its class, and what it says."""
    text = str(error)
    return f"{type(error).__name__}({text[:200]!r})" if text else type(error).__name__


_Write = Callable[[object], bytes | None]


def _as_bytes(args: tuple[Any, ...], record: _Write, state: _Write) -> tuple[bytes | None, ...]:
    return tuple([record(one) if type(one) in (Envelope, Session) else state(one) for one in args])


_CLOCKS = frozenset(
    {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time", "clock_gettime", "sleep"}
)
_DATES = frozenset({"now", "today", "utcnow"})
_DIE = getattr(random, "_inst")  # noqa: B009 - the generator all functions of the module share; it has no public name


class _Watch:
    """Listens to the calls of functions that are written in C: whoever asks the time or throws a die ends there."""

    def __init__(self) -> None:
        self.seen: str | None = None

    def __call__(self, _: object, event: str, called: Any) -> None:
        # Any: whatever is called.
        if event == "c_call" and self.seen is None:
            self.seen = _outside(called)


def _outside(called: Callable[..., Any]) -> str | None:
    """What a function asks of the world; None of one that is pure."""
    name, module = getattr(called, "__name__", ""), getattr(called, "__module__", None)
    owner = getattr(called, "__self__", None)
    if module == "time" and name in _CLOCKS:
        return f"time.{name}"
    if name in _DATES and isinstance(owner, type) and issubclass(owner, date):
        return f"{owner.__name__}.{name}"
    if owner is _DIE:
        return f"random.{name}"
    if module in ("posix", "nt") and name in ("urandom", "getrandom", "getpid"):
        return f"os.{name}"
    if module == "_uuid" or (module in ("io", "_io") and name == "open") or module == "_socket":
        return f"{module}.{name}"
    if module == "builtins" and name == "input":
        return name
    return None
