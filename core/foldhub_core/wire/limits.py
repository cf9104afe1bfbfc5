"""The limits of a wire: every timeout, size, count and rate of it, in one record."""

from foldhub_core.errors import Malformed
from foldhub_core.records import names_of, record


@record
class WireLimits:
    """What both ends of a link, and the shells that carry it, hold each other to. Times are milliseconds."""

    # sizes
    hello_bytes: int = 4_096
    """One frame before its sender is known."""
    frame_bytes: int = 1_048_576
    """One frame that a hub takes."""
    client_frame_bytes: int = 16_777_216
    """One frame that a client takes."""
    send_bytes: int = 8_388_608
    """What waits to be sent to one client; a client that lets it grow beyond loses its connection, never the message."""
    take_bytes: int = 65_536
    """How much a shell reads and writes at once."""
    # counts
    in_flight: int = 256
    """Requests of one connection that are not answered; with so many, it is not read."""
    batch: int = 64
    """Deliveries in one frame."""
    ack_batch: int = 1_024
    """Acks in one command."""
    page_words: int = 500
    """Words in one answer to `ReadSession`."""
    connections: int = 1_024
    """All connections of a hub."""
    unauthenticated: int = 64
    """Those whose sender is not known yet."""
    unauthenticated_per_address: int = 8
    """Those of them from one address."""
    connections_per_subject: int = 16
    """All connections of one subject."""
    auth_failures: int = 5
    """Wrong credentials from one address in `auth_window_ms`; after them it is refused for `auth_pause_ms`."""
    # rates
    connects_per_address_per_s: int = 32
    """New connections from one address, with room for those of one second; what comes faster is closed at once."""
    frames_per_s: int = 1_000
    """Frames of one connection; what comes faster is read later."""
    bytes_per_s: int = 4_194_304
    """Bytes of one connection, likewise."""
    least_bytes_per_s: int = 1_024
    """How slowly a frame may come, beyond `frame_ms`."""
    # times
    tls_ms: int = 5_000
    """For the handshake of TLS."""
    hello_ms: int = 5_000
    """For the hello, from the beginning of the connection."""
    check_ms: int = 5_000
    """For the check of a credential."""
    frame_ms: int = 10_000
    """For a frame that has begun."""
    ping_ms: int = 30_000
    """Silence after which the other side is asked whether it is there."""
    idle_ms: int = 75_000
    """Silence after which it is not."""
    goodbye_ms: int = 1_000
    """For the last bytes of a connection that ends."""
    ack_ms: int = 5
    """How long a client's ack may wait for others; 0 is not at all."""
    auth_window_ms: int = 60_000
    """How long a wrong credential is remembered."""
    auth_pause_ms: int = 60_000
    """How long an address is refused that has shown too many."""
    connect_ms: int = 10_000
    """For a client's connection, its handshake and its welcome, each."""
    pause_ms: int = 200
    """The pause before a client's first try to come back; each further one is twice as long."""
    longest_pause_ms: int = 30_000
    """The longest such pause."""

    def __checked__(self) -> None:
        for name in names_of(WireLimits):
            least, came = int(name != "ack_ms"), getattr(self, name)
            if not least <= came <= 2**31 - 1:
                raise Malformed(f"expected {least} to {2**31 - 1}, came {came}", where=f"WireLimits.{name}")


DEFAULT = WireLimits()
