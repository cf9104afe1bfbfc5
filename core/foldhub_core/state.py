"""The state of a hub: all of it, as one value.

Every room keeps its own slice. The upper fields move with every commit, the others only when their room's facts are folded.
What is held is what is live; what was said is in the log.
"""

from .agenda import Agenda
from .delivery import Links, Mailboxes
from .facts import Configured
from .ids import check_hub_id
from .keys import Keys
from .limits import Limits
from .rates import Rates
from .records import changer, record
from .refusals import RefusalCount
from .registry import Registry
from .sessions import Sessions
from .tasks import Tasks

GENESIS = bytes(16)
"""The chain's head before the first commit."""


@record
class HubState:
    """A hub after the commit `seq`. `HubState("demo")` is the hub `demo` before its first."""

    hub_id: str
    seq: int = 0
    now_ms: int = 0
    """The hub's clock: the greatest arrival time yet, never backwards."""
    head: bytes = GENESIS
    """The chain's head."""
    refusals: RefusalCount = RefusalCount()

    configured: Configured | None = None
    """What the last `Start` recorded; None before the first."""
    limits: Limits = Limits()
    registry: Registry = Registry()
    hub_words: int = 0
    """How many words the hub session has."""
    keys: Keys = Keys()
    sessions: Sessions = Sessions()
    tasks: Tasks = Tasks()
    mailboxes: Mailboxes = Mailboxes()
    withheld: tuple[str, ...] = ()
    """To whom the envelope that is being said is not delivered; empty between commits."""
    addressed: tuple[str, ...] | None = None
    """Whom the sender of the envelope that is being said named, where it goes to others; None between commits."""
    links: Links = Links()
    rates: Rates = Rates()
    agenda: Agenda = Agenda()

    def __checked__(self) -> None:
        check_hub_id(self.hub_id)


moved_state = changer(HubState, "seq", "now_ms", "head")
"""The state after a commit: at a sequence, a time, a chain head."""


settled_state = changer(HubState, "mailboxes")
"""The state after deliveries arrived."""


def state_at(state: HubState, now_ms: int) -> HubState:
    """The state as whoever is asked about it sees it: at the time of the arrival."""
    return state if state.now_ms == now_ms else moved_state(state, state.seq, now_ms, state.head)


said_state = changer(HubState, "sessions", "mailboxes", "agenda", "keys", "rates", "withheld", "addressed")
"""The state after a word."""
