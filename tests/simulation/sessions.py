"""The model's sessions: how they begin, what is said in them, how they end."""

from fnmatch import fnmatchcase
from typing import Any, assert_never

from foldhub_core import (
    EV_SESSION_CLOSED,
    EV_SESSION_INVITE,
    EV_SESSION_JOINED,
    EV_SESSION_LEFT,
    EV_SESSION_OPENED,
    EV_SESSION_SHOWN,
    AnswerInvite,
    CloseSession,
    Envelope,
    Invite,
    Leave,
    OpenSession,
    Post,
    RemoveParticipant,
    changed,
    duration_ms,
)
from foldhub_core.ids import make_id
from tests.simulation.circling import Circle
from tests.simulation.debts import is_known
from tests.simulation.flowing import Flow
from tests.simulation.ground import HUB_EVENTS, Ground, Refused
from tests.simulation.mail import Box
from tests.simulation.talks import Fault, Talk

MOST = {"relay": 4, "discussion": 99, "workflow": 99}
"""How many may take part; in all else two."""


def matches(name: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)


SessionCommand = OpenSession | AnswerInvite | Invite | Leave | RemoveParticipant | CloseSession | Post


class Sessions(Ground):
    """What is asked of sessions."""

    def _ask_session(self, command: SessionCommand) -> None:
        match command:
            case OpenSession():
                self._open(command)
            case AnswerInvite():
                self._answer(command)
            case Invite():
                self._invite(command)
            case Leave():
                self._check_short(command.reason)
                if command.session_id not in self.over and command.agent_id in self._talk(command.session_id).there:
                    self._take_out(command.session_id, command.agent_id)
            case RemoveParticipant():
                self._remove(command)
            case CloseSession():
                self._close_by(command)
            case Post():
                self._post(command.envelope)
            case _:
                assert_never(command)

    def _check_creator(self, talk: Talk, agent_id: str) -> None:
        if (agent_id != talk.creator or agent_id not in talk.members) and not (self.now.principal.admin and not agent_id):
            raise Refused("access_denied")

    # --- opening

    def _open(self, command: OpenSession) -> None:
        named = list(command.participants)
        there = named if not named or command.creator_id in named else [command.creator_id, *named]
        key = command.idempotency_key
        ttl = None if command.ttl is None else duration_ms(command.ttl)
        body: object = changed(command, participants=tuple(there), ttl=ttl)
        if key is not None and self._known(command.creator_id, "open", key, body):
            return
        creator = self._box(command.creator_id)
        if len(there) > self.config.limits.participants:
            raise Refused("malformed")
        if not there or len(set(there)) < len(there):
            raise Refused("protocol_error")
        for agent_id in there:
            self._box(agent_id)
        adapter = self.config.adapter_for(command.type, command.version)
        if adapter is None:
            raise Refused("not_found")
        rule, mine = creator.rule, [talk for talk in self.talks.values() if talk.creator == command.creator_id]
        most = rule.limits.max_concurrent_sessions
        if not matches(command.type, rule.access.session_types.initiate) or 0 < most <= len(mine):
            raise Refused("access_denied")
        self._check_accepted(creator.name, command.type, [one for one in there if one != command.creator_id])
        self._check_short(key)
        self._check_short(command.parent_session_id)
        invited = [one for one in there if one != command.creator_id]
        fits = 2 <= len(there) <= MOST.get(command.type, 2) and all(map(is_known, command.expectations))
        if not fits or (command.required_acks is not None and not 0 < command.required_acks <= len(invited)):
            raise Refused("protocol_error")
        knobs = dict(command.knobs)
        if command.type == "relay" and ("boom" in knobs or type(knobs.get("wait_ms")) is not int):
            raise Refused("protocol_error")
        if command.type == "workflow" and (
            "plan" not in knobs or not {knobs["first"]} <= {*there, *self._names_of(there).values()}
        ):
            raise Refused("workflow_graph")
        if command.type == "discussion" and knobs.get("ordering", "round_robin") != "round_robin":
            raise Refused("protocol_error")
        if not isinstance(knobs.get("context_vars", {}), dict):
            raise Refused("protocol_error")
        now_ms, limits = self.now.now_ms, self.config.limits
        lasts_ms = duration_ms(creator.rule.limits.session_ttl_default) if ttl is None else ttl
        talk = Talk(
            make_id("demo", "s", self.now.seq),
            adapter.manifest,
            command.creator_id,
            there,
            invited,
            knobs,
            now_ms + lasts_ms if lasts_ms > 0 else None,
            now_ms + limits.invite_timeout_ms,
            command.required_acks,
            now_ms,
            adapter.manifest.expectations + command.expectations,
            {one: "respondent" if len(there) == 2 else "participant" for one in there} | {command.creator_id: "initiator"},
            dict.fromkeys(invited, now_ms),
            self._rounds(command.type, command.creator_id, there, knobs),
        )
        self.talks[talk.session_id] = talk
        self.now.made_id = talk.session_id
        self._say(talk, Envelope(talk.session_id, command.creator_id, EV_SESSION_INVITE), invited)
        self._remember(command.creator_id, "open", key, body, talk.session_id)

    def _names_of(self, agent_ids: list[str]) -> dict[str, str]:
        return {one: self.boxes[one].name for one in agent_ids}

    def _rounds(self, session_type: str, creator: str, there: list[str], knobs: dict[str, Any]) -> Circle | Flow | None:
        if session_type == "discussion":
            return Circle(creator)
        if session_type != "workflow":
            return None
        context = dict(knobs.get("context_vars", {}))
        return Flow(knobs["plan"], list(knobs["agents"]), creator, self._names_of(there), context)

    def _answer(self, command: AnswerInvite) -> None:
        if command.session_id in self.over and not command.accept:
            return
        talk = self._talk(command.session_id)
        agent_id = command.agent_id
        self._check_short(command.reason)
        if agent_id not in talk.unanswered:
            there = agent_id in talk.there
            if there != command.accept:
                raise Refused("protocol_error" if there else "access_denied")
            return
        if not command.accept:
            left = len(talk.there) - 2
            if not talk.active and (talk.required is None or left < talk.required):
                self._end(talk, EV_SESSION_CLOSED, "invite_rejected")
            else:
                self._take_out(command.session_id, agent_id)
            return
        talk.unanswered.remove(agent_id)
        to = talk.members if talk.active else []
        word = self._hub_says(talk, EV_SESSION_JOINED, to, {"agent_id": agent_id})
        enough = not talk.unanswered if talk.required is None else len(talk.members) - 1 >= talk.required
        if not talk.active and (enough or not talk.unanswered):
            talk.active, talk.until_ms = True, None
            self._follow_if_awake(talk, self._hub_says(talk, EV_SESSION_OPENED, talk.members))
        self._follow_if_awake(talk, word)

    def _follow_if_awake(self, talk: Talk, word: Envelope) -> None:
        if not talk.dormant:
            self._follow_or_refuse(talk, word)

    def _invite(self, command: Invite) -> None:
        talk = self._talk(command.session_id)
        self._check_creator(talk, command.agent_id)
        new = [one for one in dict.fromkeys(command.participants) if one not in talk.there]
        for agent_id in new:
            self._box(agent_id)
        if len(talk.there) + len(new) > MOST.get(talk.type, 2):
            raise Refused("protocol_error")
        if new:
            creator = self.boxes.get(talk.creator)
            self._check_accepted("" if creator is None else creator.name, talk.type, new)
            talk.there += new
            talk.unanswered += new
            talk.roles |= dict.fromkeys(new, "participant")
            talk.invited_ms |= dict.fromkeys(new, self.now.now_ms)
            if isinstance(talk.rounds, Flow):
                talk.rounds.invites(self._names_of(new))
            self._say(talk, Envelope(talk.session_id, talk.creator, EV_SESSION_INVITE), new)

    def _check_accepted(self, creator_name: str, session_type: str, invited: list[str]) -> None:
        for agent_id in invited:
            box = self.boxes[agent_id]
            if not matches(session_type, box.rule.access.session_types.accept) or not box.hears(creator_name):
                raise Refused("access_denied")

    # --- leaving and closing

    def _take_out(self, session_id: str, agent_id: str, *, told: bool = False, deaf: str | None = None) -> None:
        """Let an agent be gone; `told` is who is put out, `deaf` who is being unregistered."""
        talk = self.talks[session_id]
        if not talk.active and agent_id not in talk.unanswered and (talk.required is None or agent_id == talk.creator):
            self._end(talk, EV_SESSION_CLOSED, "participant_left", deaf)
            return
        if not talk.active and talk.required is None:
            self._end(talk, EV_SESSION_CLOSED, "invite_failed", deaf)
            return
        self._expire_all(agent_id, session_id)
        talk.there.remove(agent_id)
        talk.unanswered = [one for one in talk.unanswered if one != agent_id]
        to = [*talk.members, agent_id] if told else talk.members
        self._follow_or_sleep(talk, self._hub_says(talk, EV_SESSION_LEFT, to, {"agent_id": agent_id}))
        cannot_open = not talk.active and talk.required is not None and len(talk.there) - 1 < talk.required
        if session_id in self.talks and (cannot_open or len(talk.there) < 2):
            self._end(talk, EV_SESSION_CLOSED, "participant_left")

    def _remove(self, command: RemoveParticipant) -> None:
        self._check_short(command.reason)
        if command.session_id not in self.over:
            talk = self._talk(command.session_id)
            self._check_creator(talk, command.agent_id)
            if command.participant_id in talk.there:
                self._take_out(command.session_id, command.participant_id, told=True)

    def _close_by(self, command: CloseSession) -> None:
        if command.session_id in self.over:
            return
        talk = self._talk(command.session_id)
        self._check_short(command.reason)
        if not command.agent_id:
            allowed = self.now.principal.admin
        else:
            only_creator = talk.type not in ("conversation", "relay")
            allowed = command.agent_id in talk.members and (not only_creator or command.agent_id == talk.creator)
        if not allowed:
            raise Refused("access_denied")
        self._end(talk, EV_SESSION_CLOSED, command.reason or "explicit_close")

    # --- posting

    def _post(self, word: Envelope) -> None:
        key = word.idempotency_key
        body = changed(word, envelope_id="", created_at_ms=0, number=0, depth=0)
        if key is not None and self._known(word.sender_id, "post", key, body):
            return
        sender = self._box(word.sender_id)
        talk = self._talk(word.session_id)
        if not talk.active:
            raise Refused("protocol_error")
        if word.event_type.startswith(HUB_EVENTS) or word.sender_id not in talk.members:
            raise Refused("access_denied")
        to = [one for one in talk.members if one != word.sender_id] if word.audience is None else list(word.audience)
        if not set(to) <= set(talk.members) or len(set(to)) < len(to):
            raise Refused("protocol_error")
        self._check_sizes(word)
        if talk.dormant:
            raise Refused("protocol_error")
        cause = next((one for one in sender.owed.values() if one.word.envelope_id == word.causation_id), None)
        if cause is not None:
            deeper = cause.word.session_id != word.session_id
            word = changed(word, depth=max(word.depth, cause.word.depth + deeper))
        self._check_sender(sender, word)
        skipped = self._make_room(sender.name, to)
        if not talk.lets(word):
            raise Refused("protocol_error")
        try:
            word = self._say(talk, word, to, skipped)
        except Fault:
            raise Refused("protocol_error") from None
        if cause is not None and cause.word.session_id == word.session_id:
            cause.answer_id = word.envelope_id
        self.now.made_id = word.envelope_id
        self._remember(word.sender_id, "post", key, body, word.envelope_id)
        back: list[Envelope] = []
        if word.sender_id in talk.hidden:
            back = [self._hub_says(talk, EV_SESSION_SHOWN, talk.members, {"agent_id": word.sender_id})]
        for each in (word, *back):
            self._follow_or_refuse(talk, each)

    def _check_sender(self, sender: Box, word: Envelope) -> None:
        """Whether its rule lets an agent say this to these, so deep, so often."""
        rule = sender.rule
        for agent_id in word.audience or ():
            if agent_id != sender.agent_id and not matches(self.boxes[agent_id].name, rule.access.outbound_to):
                raise Refused("access_denied")
        if 0 < rule.limits.delegation_depth < word.depth:
            raise Refused("access_denied")
        if not sender.spend(self.now.now_ms):
            raise Refused("rate_limited")

    def _check_sizes(self, word: Envelope) -> None:
        for text in (word.event_type, word.causation_id, word.idempotency_key, word.task_id, word.trace_id):
            self._check_short(text)
        if (word.ttl_seconds is not None and word.ttl_seconds <= 0) or word.depth < 0:
            raise Refused("malformed")
        said = word.event_data.get("text")
        if (isinstance(said, str) and len(said) > self.config.limits.text_chars) or "deep" in word.event_data:
            raise Refused("malformed")

    def _make_room(self, sender_name: str, to: list[str]) -> tuple[str, ...]:
        """Do with full inboxes as their rules say; who gets nothing is given back."""
        skipped: list[str] = []
        for agent_id in to:
            box = self.boxes[agent_id]
            if not box.hears(sender_name):
                skipped.append(agent_id)
            elif box.full and box.inbox.overflow == "reject":
                raise Refused("inbox_full")
            elif box.full and box.inbox.overflow == "drop_newest":
                skipped.append(agent_id)
            elif box.full:
                del box.owed[min(number for number, letter in box.owed.items() if letter.counted)]
        return tuple(skipped)
