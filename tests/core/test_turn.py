"""Turns: what an agent's client does with a delivery, case by case."""

from typing import Any

import pytest

from foldhub_core import (
    EV_SESSION_CLOSED,
    EV_SESSION_INVITE,
    EV_SESSION_LEFT,
    EV_SESSION_OPENED,
    EV_TASK_CANCEL_REQUEST,
    EV_TEXT,
    HUB_SESSION,
    Ack,
    AnswerInvite,
    CancelTask,
    Delivery,
    Entry,
    Envelope,
    ErrorRecord,
    ExpectedTurn,
    Ignore,
    Inbox,
    Invite,
    Nack,
    NeedLog,
    Post,
    Postpone,
    ProtocolError,
    Redeliver,
    Round,
    Session,
    SessionState,
    Standing,
    ToolCall,
    Turn,
    View,
    answered,
    changed,
    failed,
    find_by_causation,
    pending_turns,
    plan,
    saying,
    settled,
    standing,
    take_turn,
)
from foldhub_core.consequences import AdapterFault
from foldhub_core.data import FrozenDict
from foldhub_core.sessions import Faulty
from tests.core.agent_client import Client
from tests.core.circle import Circle
from tests.core.session_driver import Broken, Free, Heard, Talks


def conversation() -> tuple[Talks, Client, str]:
    """Alice and bob talk; bob's client, and their session. Nothing is owed yet."""
    hub = Talks("alice", "bob", "carol")
    session_id = hub.opened("alice", "bob")
    hub.ack_all()
    return hub, Client(hub, "bob"), session_id


def circle(*names: str) -> tuple[Talks, dict[str, Client], str]:
    hub = Talks(*names, adapters=[Circle()])
    session_id = hub.opened(*names, type="circle")
    hub.ack_all()
    return hub, {name: Client(hub, name) for name in names}, session_id


def last(client: Client) -> Delivery:
    """What is owed to an agent since last."""
    return client.owed(client.hub.numbers(client.name)[-1])


def asked(hub: Talks, client: Client, session_id: str, text: str = "why?") -> Delivery:
    """What alice asks, as it is delivered."""
    hub.say("alice", session_id, text)
    return last(client)


def echo(turn: Turn) -> Round:
    return Round("echo: " + " | ".join(turn.input))


def why_ignored(todo: object, delivery: Delivery) -> str:
    assert isinstance(todo, Ignore), todo
    assert todo.then == Ack(agent_id=delivery.agent_id, numbers=(delivery.number or 0,))
    return todo.why


# --- invitations


def invited() -> tuple[Talks, Client, Delivery]:
    hub = Talks("alice", "bob")
    hub.pending("alice", "bob", intent="gossip")
    client = Client(hub, "bob")
    return hub, client, last(client)


def test_an_invitation_is_accepted() -> None:
    hub, client, delivery = invited()
    session_id = delivery.envelope.session_id
    command = client.plan(delivery)
    assert command == AnswerInvite(session_id=session_id, agent_id=hub.ids["bob"], accept=True)
    client.serve(delivery, echo)
    assert hub.session(session_id).state is SessionState.ACTIVE
    assert delivery.number not in hub.numbers("bob")


def test_the_owners_policy_declines_an_invitation_and_says_why() -> None:
    hub, client, delivery = invited()
    long = "no gossip " * 100
    client.serve(delivery, echo, declines=lambda session: long if session.intent == "gossip" else None)
    end = hub.end(delivery.envelope.session_id)
    assert (end["reason"], end["detail"]) == ("invite_rejected", long[:200])


def test_a_policy_that_finds_nothing_wrong_accepts() -> None:
    _, client, delivery = invited()
    command = client.plan(delivery, declines=lambda _: None)
    assert isinstance(command, AnswerInvite)
    assert command.accept


def test_an_invitation_that_was_answered_is_passed_over() -> None:
    _, client, delivery = invited()
    client.ask(AnswerInvite(session_id=delivery.envelope.session_id, agent_id=delivery.agent_id, accept=True))
    assert why_ignored(client.plan(delivery), delivery) == "the invitation was answered"


def test_a_late_invitation_is_accepted_too() -> None:
    hub, clients, session_id = circle("alice", "bob")
    carol = hub.join("carol")
    hub.value(hub.who("alice"), Invite(session_id=session_id, agent_id=hub.ids["alice"], participants=(carol,)))
    client = Client(hub, "carol")
    client.serve(last(client), echo)
    assert carol in hub.state.sessions.entries[session_id].members
    assert list(clients) == ["alice", "bob"]


# --- what is passed over


def test_what_the_hub_tells_is_passed_over() -> None:
    hub = Talks("alice", "bob")
    hub.opened("alice", "bob")
    client = Client(hub, "bob")
    opened = last(client)
    assert opened.envelope.event_type == EV_SESSION_OPENED
    assert why_ignored(client.plan(opened), opened) == "what the hub tells asks for no answer"


def test_a_word_of_a_session_that_is_over_is_passed_over() -> None:
    hub, client, session_id = conversation()
    delivery = asked(hub, client, session_id)
    hub.close("alice", session_id)
    assert why_ignored(client.plan(delivery), delivery) == "the session is over, or the agent takes no part in it"
    closed = last(client)
    assert closed.envelope.event_type == EV_SESSION_CLOSED
    assert why_ignored(client.plan(closed), closed) == "the session is over, or the agent takes no part in it"


def test_who_takes_no_part_in_a_session_stands_nowhere_in_it() -> None:
    hub, client, session_id = conversation()
    delivery = asked(hub, client, session_id)
    assert standing(hub.config, hub.state, hub.ids["carol"], delivery.envelope) == Standing()


def test_a_word_that_was_answered_is_passed_over() -> None:
    hub, client, session_id = conversation()
    delivery = asked(hub, client, session_id)
    answer = hub.say("bob", session_id, "because", causation_id=delivery.envelope.envelope_id)
    assert why_ignored(client.plan(delivery), delivery) == f"it was answered by {answer.envelope_id}"


def test_ones_own_word_is_passed_over() -> None:
    hub, client, session_id = conversation()
    hub.say("bob", session_id, "note to self", to=("bob",))
    assert why_ignored(client.plan(last(client)), last(client)) == "it is the agent's own word"


def test_a_word_that_brings_anothers_turn_is_passed_over() -> None:
    hub, clients, session_id = circle("alice", "bob", "carol")
    hub.say("alice", session_id)
    delivery = last(clients["carol"])
    assert why_ignored(clients["carol"].plan(delivery), delivery) == f"the turn is that of {hub.ids['bob']}"


def test_a_turn_is_taken_for_the_word_that_brought_it_and_no_other() -> None:
    hub, clients, session_id = circle("alice", "bob", "carol")
    hub.say("alice", session_id, "one")
    first = last(clients["carol"])
    two = hub.say("bob", session_id, "two")
    assert why_ignored(clients["carol"].plan(first), first) == f"the agent's turn is for another word, {two.envelope_id}"
    assert clients["carol"].turn(last(clients["carol"])).input == ("[bob]: two",)


def test_a_word_that_may_not_be_answered_in_a_free_protocol_is_passed_over() -> None:
    class Mute(Free):
        def validate_send(self, session: Session, state: Heard, envelope: Envelope) -> None:
            if envelope.sender_id != session.creator_id:
                raise ProtocolError("expected silence")

    hub = Talks("alice", "bob", adapters=[Mute()])
    session_id = hub.opened("alice", "bob", type="free")
    client = Client(hub, "bob")
    delivery = asked(hub, client, session_id)
    assert why_ignored(client.plan(delivery), delivery) == "protocol_error: expected silence"


@pytest.mark.parametrize("text", ["", None])
def test_a_word_that_asks_nothing_is_passed_over(text: str | None) -> None:
    hub, client, session_id = conversation()
    hub.say("alice", session_id, "before")
    delivery = asked(hub, client, session_id)
    delivery = changed(delivery, envelope=changed(delivery.envelope, event_data={} if text is None else {"text": text}))
    need = client.plan(delivery)
    assert isinstance(need, NeedLog)
    assert why_ignored(take_turn(need, client.words(need)), delivery) == "it asks nothing"


# --- what comes again


def postponed(todo: object, delivery: Delivery) -> str:
    assert isinstance(todo, Postpone), todo
    assert todo.then == Nack(agent_id=delivery.agent_id, number=delivery.number or 0, reason=todo.why)
    return todo.why


def test_a_word_in_a_dormant_session_comes_again() -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Broken("on_accepted", EV_SESSION_LEFT)])
    session_id = hub.opened("alice", "bob", "carol", type="broken")
    client = Client(hub, "bob")
    delivery = asked(hub, client, session_id)
    hub.leave("carol", session_id)
    assert postponed(client.plan(delivery), delivery) == "the session is dormant: its adapter raised RuntimeError: out of order"


def test_a_word_in_a_session_whose_protocol_was_not_folded_comes_again() -> None:
    hub, client, session_id = conversation()
    delivery = asked(hub, client, session_id)
    hub.state = changed(hub.state, sessions=hub.state.sessions.with_talk(session_id, changed(
        hub.state.sessions.talks[session_id], protocol=Faulty("is missing"))))  # fmt: skip
    assert postponed(client.plan(delivery), delivery) == "the session is dormant: is missing"


def test_a_word_comes_again_while_an_inbox_has_no_room_for_the_answer() -> None:
    hub, client, session_id = conversation()
    hub.set_rule("alice", inbox=Inbox(max_pending=1))
    hub.say("bob", session_id, "fills it")
    delivery = asked(hub, client, session_id)
    assert postponed(client.plan(delivery), delivery).startswith("inbox_full: ")


def test_a_word_comes_again_where_the_client_has_no_adapter() -> None:
    hub, client, session_id = conversation()
    delivery = asked(hub, client, session_id)
    todo = plan(delivery, standing(hub.config, hub.state, delivery.agent_id, delivery.envelope), None)
    assert postponed(todo, delivery) == "there is no adapter here of conversation version 1"


# --- tasks


@pytest.mark.parametrize("more", [{"reason": "too slow", "requested_by": "demo:a:a2"}, {}])
def test_a_request_to_cancel_is_for_whoever_runs_the_task(more: dict[str, str]) -> None:
    envelope = Envelope(HUB_SESSION, "demo", EV_TASK_CANCEL_REQUEST, {"task_id": "demo:t:a7", **more})
    todo = plan(Delivery("demo:a:a3", envelope, 4), Standing(), None)
    assert todo == CancelTask("demo:t:a7", more.get("reason", ""), Ack(agent_id="demo:a:a3", numbers=(4,)))


# --- turns


def test_a_turn_says_what_is_asked_what_was_said_and_what_may_be_done() -> None:
    hub, client, session_id = conversation()
    hub.say("alice", session_id, "hello")
    hub.say("bob", session_id, "hi")
    delivery = asked(hub, client, session_id)
    turn = client.turn(delivery)
    assert turn.input == ("why?",)
    assert [(entry.whose, entry.parts) for entry in turn.history] == [("other", ("hello",)), ("own", ("hi",))]
    assert [tool.name for tool in turn.tools] == ["say"]
    assert (turn.owed, turn.card, turn.view, turn.delivery) == (False, "", View(10), delivery)
    assert turn.session == hub.session(session_id)


def test_a_turn_does_not_see_what_was_said_after_its_word() -> None:
    hub, client, session_id = conversation()
    delivery = asked(hub, client, session_id)
    need = client.plan(delivery)
    hub.say("alice", session_id, "later")
    assert isinstance(need, NeedLog)
    turn = take_turn(need, hub.words(session_id))
    assert isinstance(turn, Turn)
    assert turn.history == ()


def test_a_turn_in_a_window_reads_no_more_than_the_window_needs() -> None:
    hub, client, session_id = conversation()
    for at in range(60):
        hub.say("alice", session_id, str(at))
        hub.ack_all()
    turn = client.turn(asked(hub, client, session_id))
    assert client.read == 40
    words = turn.delivery.envelope.number - 1
    assert turn.history[0].parts == (f"{words - 10} words before this, the latest from alice",)
    assert len(turn.history) == 11


def test_an_agent_may_want_another_view() -> None:
    hub, client, session_id = conversation()
    hub.say("alice", session_id, "hello")
    turn = client.turn(asked(hub, client, session_id), view=View(named=True))
    assert (turn.history[0].parts, turn.input) == (("[alice]: hello",), ("[alice]: why?",))


def test_what_is_asked_is_asked_also_where_the_view_leaves_its_speaker_out() -> None:
    hub, client, session_id = conversation()
    hub.say("alice", session_id, "hello")
    turn = client.turn(asked(hub, client, session_id), view=View(named=True, hidden=(hub.ids["alice"],)))
    assert (turn.history, turn.input) == ((), ("why?",))


def test_the_caller_may_tell_more_names_and_what_the_agent_is_told_of_itself() -> None:
    hub, client, session_id = conversation()
    need = client.plan(asked(hub, client, session_id), view=View(named=True))
    assert isinstance(need, NeedLog)
    turn = take_turn(need, (), names=FrozenDict({hub.ids["alice"]: "Al"}), card="You are bob.")
    assert isinstance(turn, Turn)
    assert (turn.input, turn.card) == (("[Al]: why?",), "You are bob.")


def test_a_turn_brought_by_a_leaver_is_for_what_was_said_last() -> None:
    hub, clients, session_id = circle("alice", "bob", "carol")
    hub.say("alice", session_id, "well?")
    hub.leave("bob", session_id)
    delivery = last(clients["carol"])
    assert delivery.envelope.event_type == EV_SESSION_LEFT
    turn = clients["carol"].turn(delivery)
    assert (turn.owed, turn.input, turn.history) == (True, ("[alice]: well?",), ())
    clients["carol"].serve(delivery, echo)
    assert hub.words(session_id)[-1].causation_id == delivery.envelope.envelope_id


def test_what_is_asked_by_what_was_said_last_stays_where_it_was_in_the_history() -> None:
    hub, clients, session_id = circle("alice", "bob", "carol", "dave")
    for name in ("alice", "bob", "carol", "dave", "alice"):
        hub.say(name, session_id, name)
    hub.leave("bob", session_id)
    hub.leave("carol", session_id)
    hub.leave("dave", session_id)
    turn = clients["alice"].turn(last(clients["alice"]))
    assert turn.input == (f"[{hub.ids['dave']}]: dave",), "who has left is no more among the names"
    assert [entry.parts[-1] for entry in turn.history[-2:]] == [f"[{hub.ids['dave']}]: dave", "alice"]
    assert turn.history[-1] == Entry("own", ("alice",), hub.ids["alice"], turn.history[-1].envelope_ids)


def test_a_turn_brought_by_a_leaver_before_anything_was_said_asks_nothing() -> None:
    hub, clients, session_id = circle("alice", "bob", "carol")
    hub.leave("alice", session_id)
    delivery = last(clients["bob"])
    need = clients["bob"].plan(delivery)
    assert isinstance(need, NeedLog)
    assert why_ignored(take_turn(need, clients["bob"].words(need)), delivery) == "it asks nothing"


def test_a_turn_that_was_brought_by_a_word_for_others_is_taken_without_showing_it() -> None:
    """Nothing is delivered then; a client finds the turn among those that are pending."""
    hub, clients, session_id = circle("alice", "bob", "carol")
    hub.say("alice", session_id, "to carol", to=("carol",))
    bob = hub.ids["bob"]
    (pending,) = pending_turns(hub.config, hub.state, bob)
    word = clients["bob"].word(session_id, pending.triggering_envelope_id or "")
    need = clients["bob"].plan(Delivery(bob, word))
    assert isinstance(need, NeedLog)
    assert take_turn(need, clients["bob"].words(need)) == Ignore("it asks nothing", None)


def test_a_turn_without_a_delivery_is_answered_and_nothing_is_acked() -> None:
    hub, clients, session_id = circle("alice", "bob")
    word = hub.say("alice", session_id, "why?")
    hub.ack_all()
    delivery = Delivery(hub.ids["bob"], word)
    assert clients["bob"].serve(delivery, echo) is None
    assert hub.words(session_id)[-1].event_data["text"] == "echo: [alice]: why?"
    assert settled(delivery, ErrorRecord("unavailable", "no")) is None
    assert failed(delivery, "no") is None


def test_a_protocol_may_name_no_word_for_a_turn() -> None:
    hub, clients, session_id = circle("alice", "bob")
    hub.say("alice", session_id)
    delivery = last(clients["bob"])
    stands = standing(hub.config, hub.state, delivery.agent_id, delivery.envelope)
    todo = plan(delivery, changed(stands, turns=(ExpectedTurn(hub.ids["bob"]),)), Circle())
    assert isinstance(todo, NeedLog)
    assert todo.owed


def test_a_turn_that_is_owed_is_taken_also_where_a_text_may_not_be_said() -> None:
    hub, clients, session_id = circle("alice", "bob")
    hub.say("alice", session_id)
    delivery = last(clients["bob"])
    stands = standing(hub.config, hub.state, delivery.agent_id, delivery.envelope)
    refused = ErrorRecord("protocol_error", "expected a packet")
    assert isinstance(plan(delivery, changed(stands, refused=refused), Circle()), NeedLog)


# --- what comes of a turn


def test_an_answer_names_its_cause_and_bears_a_key_made_of_it() -> None:
    hub, client, session_id = conversation()
    delivery = asked(hub, client, session_id)
    cause = delivery.envelope.envelope_id
    post = answered(client.turn(delivery), Round("because"))
    assert post == Post(
        envelope=Envelope(
            session_id, hub.ids["bob"], EV_TEXT, {"text": "because"}, causation_id=cause, idempotency_key=f"turn {cause}"
        )
    )
    assert client.serve(delivery, lambda _: Round("because")) == Ack(agent_id=hub.ids["bob"], numbers=(delivery.number or 0,))
    assert hub.words(session_id)[-1].causation_id == cause
    assert delivery.number not in hub.numbers("bob")


def test_a_round_that_says_nothing_posts_nothing_and_is_acked() -> None:
    hub, client, session_id = conversation()
    delivery = asked(hub, client, session_id)
    words = len(hub.words(session_id))
    assert isinstance(client.serve(delivery, lambda _: Round(calls=(ToolCall("look_up"),))), Ack)
    assert len(hub.words(session_id)) == words


def test_what_was_said_in_a_turn_is_not_said_again() -> None:
    hub, client, session_id = conversation()
    turn = client.turn(asked(hub, client, session_id))
    assert answered(turn, Round("Because. \n", said=("Well...", " Because."))) is None
    assert answered(turn, Round("More.", said=("Because.",))) is not None


def test_a_turn_the_protocol_waits_for_is_taken_by_what_was_said_in_it() -> None:
    hub, clients, session_id = circle("alice", "bob", "carol")
    hub.say("alice", session_id)
    turn = clients["bob"].turn(last(clients["bob"]))
    assert answered(turn, Round("I have answered.", said=("Because.",))) is None
    assert answered(turn, Round("Because.")) is not None


def test_a_round_that_says_more_than_a_text_is_not_taken_for_what_was_said() -> None:
    class Loud(Free):
        def round_envelope(self, session: Session, state: Heard, round: Round) -> Any:
            made = super().round_envelope(session, state, round)
            return changed(made, audience=()) if round.calls else made

    hub = Talks("alice", "bob", adapters=[Loud()])
    session_id = hub.opened("alice", "bob", type="free")
    client = Client(hub, "bob")
    turn = client.turn(asked(hub, client, session_id))
    assert answered(turn, Round("yes", said=("yes",))) is None
    assert answered(turn, Round("yes", (ToolCall("quietly"),), ("yes",))) is not None


def test_what_is_said_in_a_turn_answers_its_word() -> None:
    hub, client, session_id = conversation()
    delivery = asked(hub, client, session_id)
    turn = client.turn(delivery)
    first, second = saying(turn, "Well...", 1), saying(turn, "Because.", 2, (hub.ids["alice"],))
    assert client.ask(first) is None
    assert client.ask(second) is None
    assert [word.event_data["text"] for word in hub.words(session_id)[-2:]] == ["Well...", "Because."]
    assert hub.words(session_id)[-1].audience == (hub.ids["alice"],)
    assert find_by_causation(hub.state, hub.ids["bob"], delivery.envelope.envelope_id) == hub.words(session_id)[-1].envelope_id
    assert why_ignored(client.plan(delivery), delivery).startswith("it was answered by")


@pytest.mark.parametrize("code", ["session_over", "not_found", "key_conflict"])
def test_a_refusal_that_leaves_nothing_to_be_done_is_acked(code: str) -> None:
    delivery = Delivery("a", Envelope("s", "b", EV_TEXT), 3)
    assert settled(delivery, ErrorRecord(code, "expected better")) == Ack(agent_id="a", numbers=(3,))


@pytest.mark.parametrize("code", ["inbox_full", "unavailable", "protocol_error", "access_denied", "malformed", "of my own"])
def test_any_other_refusal_is_nacked(code: str) -> None:
    delivery = Delivery("a", Envelope("s", "b", EV_TEXT), 3)
    reason = f"{code}: expected better"
    assert settled(delivery, ErrorRecord(code, "expected better")) == Nack(agent_id="a", number=3, reason=reason)


def test_what_was_done_without_a_refusal_is_acked() -> None:
    assert settled(Delivery("a", Envelope("s", "b", EV_TEXT), 3)) == Ack(agent_id="a", numbers=(3,))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("out of order", "out of order"),
        (RuntimeError("out of \ud800rder\n"), r"RuntimeError: out of \ud800rder\n"),
        (AdapterFault(), "AdapterFault: "),
        ("x" * 2_000, "x" * 200),
    ],
)
def test_a_turn_that_failed_is_nacked_with_what_went_wrong(error: Exception | str, reason: str) -> None:
    delivery = Delivery("a", Envelope("s", "b", EV_SESSION_INVITE), 3)
    assert failed(delivery, error) == Nack(agent_id="a", number=3, reason=reason)


def test_a_turn_that_raised_comes_again_and_is_answered() -> None:
    hub, client, session_id = conversation()
    delivery = asked(hub, client, session_id)

    def raising(_: Turn) -> Round:
        raise RuntimeError("no")

    hub.attach("bob")
    end = client.serve(delivery, raising)
    assert end == Nack(agent_id=hub.ids["bob"], number=delivery.number or 0, reason="RuntimeError: no")
    (again,) = hub.tick(hub.now_ms + 1_000)
    assert isinstance(again, Redeliver)
    client.serve(client.delivery(again), echo)
    assert hub.words(session_id)[-1].event_data["text"] == "echo: why?"


def test_two_runs_of_one_turn_make_one_answer() -> None:
    hub, client, session_id = conversation()
    delivery = asked(hub, client, session_id)
    slow, quick = client.turn(delivery), client.turn(delivery)
    assert isinstance(client.post(quick, answered(quick, Round("quick"))), Ack)
    words = len(hub.words(session_id))
    assert isinstance(client.post(slow, answered(slow, Round("slow"))), Ack)
    assert len(hub.words(session_id)) == words
