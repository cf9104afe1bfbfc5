"""The gate: how many may be connected, and who has to wait outside.

Whoever has not said who he is is a guest of few: there is room for so many of them in all, and for fewer from one address. Who
comes too fast is not let in, and who shows wrong credentials too often is not looked at for a while, and learns nothing by it.
It knows the time as it is told.
"""

import ipaddress
from collections import Counter, deque

from foldhub_core.wire.limits import WireLimits
from foldhub_core.wire.pace import PARTS


class Gate:
    """Counts the connections of one server.

    Where all that come are of `one_subject`, for nobody is asked for a credential, its bound does not count; where they come from
    `one_machine`, for nobody else can reach it, neither do those of one address. The bounds over all connections count always.
    """

    def __init__(self, limits: WireLimits, *, one_subject: bool = False, one_machine: bool = False) -> None:
        self._limits = limits
        self._one_subject = one_subject
        self._one_machine = one_machine
        self._unknown: Counter[str] = Counter()
        """Of each address, the connections whose sender is not known yet."""
        self._known: Counter[str] = Counter()
        """Of each subject, its connections."""
        self._paid_until: dict[str, int] = {}
        """Of each address, until when what came from there is paid for, in parts of a millisecond of which a connection costs
        `PARTS`, and time gives `connects_per_address_per_s`."""
        self._failures: dict[str, deque[int]] = {}
        self._shut_until: dict[str, int] = {}

    @property
    def connections(self) -> int:
        """All connections."""
        return self._unknown.total() + self._known.total()

    def enter(self, address: str, now_ms: int) -> str | None:
        """Let a connection in that nobody knows yet; else why not."""
        limits = self._limits
        if now_ms < self._shut_until.get(address, now_ms):
            return "too many wrong credentials came from there"
        if self.connections >= limits.connections:
            return f"there are {limits.connections} connections"
        if self._unknown.total() >= limits.unauthenticated:
            return f"there are {limits.unauthenticated} connections of nobody known"
        if not self._one_machine:
            if self._unknown[address] >= limits.unauthenticated_per_address:
                return f"there are {limits.unauthenticated_per_address} connections of nobody known from there"
            if not self._pays(address, now_ms):
                return f"more than {limits.connects_per_address_per_s} connections a second came from there"
        self._unknown[address] += 1
        return None

    def known(self, address: str, subject: str) -> bool:
        """Its sender is known now: count it for the subject. False where that has as many as it may; it stays unknown then."""
        if not self._one_subject and self._known[subject] >= self._limits.connections_per_subject:
            return False
        _less(self._unknown, address)
        self._known[subject] += 1
        return True

    def failed(self, address: str, now_ms: int) -> None:
        """A wrong credential came from there."""
        limits = self._limits
        recent = self._failures.setdefault(address, deque())
        recent.append(now_ms)
        while recent[0] <= now_ms - limits.auth_window_ms:
            recent.popleft()
        if len(recent) >= limits.auth_failures:
            self._shut_until[address] = now_ms + limits.auth_pause_ms
            del self._failures[address]

    def left(self, address: str, subject: str | None) -> None:
        """A connection has ended; `subject` is who it was of, None where that was not known."""
        _less(self._unknown, address) if subject is None else _less(self._known, subject)

    def forget(self, now_ms: int) -> None:
        """Let go of what does not matter any more: to be called now and then."""
        oldest = now_ms - self._limits.auth_window_ms
        self._failures = {address: times for address, times in self._failures.items() if times[-1] > oldest}
        self._shut_until = {address: until for address, until in self._shut_until.items() if until > now_ms}
        now = now_ms * self._limits.connects_per_address_per_s
        self._paid_until = {address: until for address, until in self._paid_until.items() if until > now}

    def _pays(self, address: str, now_ms: int) -> bool:
        """Take what a connection costs from what time has given its address; False, and nothing is taken, where that is less."""
        rate = self._limits.connects_per_address_per_s
        now = now_ms * rate
        until = max(self._paid_until.get(address, 0), now) + PARTS
        if until > now + rate * PARTS:
            return False
        self._paid_until[address] = until
        return True


def house_of(host: str) -> str:
    """The address that counts for a host: of IPv6 the network of 64 bits, for whoever has one of its addresses has them all."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    mapped = address.ipv4_mapped
    if mapped is not None:
        return str(mapped)
    return str(ipaddress.IPv6Network((address, 64), strict=False))


def _less(counter: "Counter[str]", key: str) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
