"""A client's requests: how each is written, and whether it may be sent again.

What would make a thing twice is given an idempotency key before it is sent for the first time, where its asker gave it none:
so the hub answers a second try with what the first made. All other commands are the same by their content, but for one that
counts (a `RecordObservation` of no task): that one is not sent again, and its asker is told that nobody knows.
"""

from foldhub_core import codec
from foldhub_core.commands import Attach, Command, OpenSession, Post, RecordObservation, Register
from foldhub_core.envelope import Envelope
from foldhub_core.errors import Malformed, ProtocolError
from foldhub_core.exact import EMPTY
from foldhub_core.questions import LogQuestion, Question, ReadSession, StandingOf
from foldhub_core.records import changed, changer, trusted
from foldhub_core.tags import TAGS
from foldhub_core.task_commands import EndTask, ObserveTask

from .answers import WordsPage
from .frames import Ask, Query
from .rights import CARRIED

AROUND = 32
"""What a frame has around a request, at most."""

_POST = TAGS[Post]
_post = trusted(Post)
_with_key = changer(Envelope, "idempotency_key")

_KEYED = (OpenSession, Register, ObserveTask, EndTask)


class Request:
    """What somebody waits for: one owner's command or question, or one of the client's own."""

    __slots__ = ("body", "own", "quiet", "record", "ref", "words")

    def __init__(self, ref: int, record: Command | Question | LogQuestion, *, own: bool = False) -> None:
        self.ref = ref
        """The client's name for it, across all connections."""
        self.record = record
        self.own = own
        """Whether it is the client's own, so that nobody is told of its answer."""
        self.quiet = own
        """Whether nobody waits for it any more."""
        self.body = codec.encode(_lean(record)) if type(record) is not Post else _post_bytes(record)
        self.words: list[Envelope] = []
        """The words that a `ReadSession` has brought."""

    @property
    def kind(self) -> type[Ask | Query]:
        """The kind of frame that sends it."""
        return Ask if type(self.record) in CARRIED else Query

    def silence(self) -> None:
        """Nobody waits for it any more."""
        self.quiet = True

    def fits(self, most: int) -> bool:
        """Whether it goes into a frame of this size."""
        return len(self.body) + AROUND <= most

    def too_large(self, most: int) -> Malformed:
        """The refusal of what no frame of this size can hold."""
        return Malformed(f"expected a request of at most {most - AROUND} bytes, came one of {len(self.body)}")

    @property
    def repeatable(self) -> bool:
        """Whether a second try is the same request."""
        return not (type(self.record) is RecordObservation and self.record.task_id is None)

    def taken(self, page: WordsPage) -> bool:
        """Take a page of words in; whether there is more, for which the request now asks."""
        assert isinstance(self.record, ReadSession), "only words come in pages"
        self.words += page.words
        if not page.more:
            return False
        if page.upto <= self.record.since:
            raise Malformed(f"expected words after {self.record.since}, came a page that ends at {page.upto}")
        self.record = changed(self.record, since=page.upto)
        self.body = codec.encode(self.record)
        return True


def carried(command: Command, key: str) -> Command:
    """The command as it crosses the wire; `ProtocolError` where none carries it.

    It has this key where it needs one and has none, and names no link: the hub's end gives an `Attach` its own.
    """
    if type(command) not in CARRIED:
        raise ProtocolError(f"expected a command that a wire carries, came {type(command).__name__}")
    if isinstance(command, Attach):
        return changed(command, link="")
    if isinstance(command, Post):
        if command.envelope.idempotency_key is not None:
            return command
        return _post(_with_key(command.envelope, key))
    if isinstance(command, _KEYED) and command.idempotency_key is None:
        return changed(command, idempotency_key=key)
    return command


def _post_bytes(post: Post) -> bytes:
    """What `codec.encode` gives for a post, said by the thousand."""
    return codec.pack((_POST, codec.row_of(post.envelope)))


def _lean(record: Command | Question | LogQuestion) -> object:
    """The record without what the hub does not read: of what was delivered, it needs to know which it was."""
    if isinstance(record, StandingOf):
        return changed(record, envelope=changed(record.envelope, event_data=EMPTY))
    return record
