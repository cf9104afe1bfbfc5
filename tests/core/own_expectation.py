"""An evaluator and a handler as a user writes them, by what `foldhub_core` exports alone."""

from foldhub_core import Close, Debt, Evaluator, Expectation, Handler, ProtocolError, Response, Violation, Watched


class GreetingWithin(Evaluator):
    """Somebody says something soon after the session opened."""

    name = "greeting_within"
    reads_asked = False

    def check(self, expectation: Expectation) -> None:
        if type(expectation.params.get("seconds")) is not int:
            raise ProtocolError("expected seconds as an integer", where="greeting_within.seconds")

    def owed(self, watched: Watched, expectation: Expectation) -> tuple[Debt, ...]:
        seconds = expectation.params["seconds"]
        if watched.opened_at_ms is None or watched.last_said_ms is not None or not isinstance(seconds, int):
            return ()
        return (Debt(None, watched.opened_at_ms + seconds * 1000, "greeting"),)


class CloseQuietly(Handler):
    """Ends the session, and says no more than that."""

    name = "close_quietly"

    def respond(self, watched: Watched, violation: Violation) -> tuple[Response, ...]:
        return (Close("quiet"),)
