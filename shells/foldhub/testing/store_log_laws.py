"""What holds of a store's log and of what is found by its index."""

from foldhub_core import Envelope, changed
from foldhub_core.index import AuditRow, DeadLetterRow, EndedSessionRow, EndedTaskRow, EnvelopeRow
from foldhub_stores.store import START, Durable

from .store_ground import Ground, Law, append, envelopes_of, equal, refuses, rows_of
from .store_story import HUB_ID, story

# --- the log


def a_new_store_is_empty(ground: Ground) -> None:
    with ground.store() as store:
        equal((store.seq, store.read(), store.snapshot()), (0, (), None), "a new store")
        equal((store.opened.created, store.opened.seq), (True, 0), "what opening it found")


def a_store_is_of_the_hub_it_was_made_for(ground: Ground) -> None:
    with ground.store("other-hub") as store:
        equal(store.identity.hub_id, "other-hub", "the hub")


def what_was_appended_is_read_back_equal(ground: Ground) -> None:
    with ground.told() as store:
        equal(store.read(), story(), "the log")
        equal([one.chain for one in store.read()], [one.chain for one in story()], "the chain")
        equal(store.seq, len(story()), "the last commit")


def an_append_says_how_far_the_log_goes(ground: Ground) -> None:
    with ground.store() as store:
        equal(store.append(story()[:3]), Durable(3), "the first append")
        equal(store.append(story()[3:4]), Durable(4), "the second append")


def appending_nothing_changes_nothing(ground: Ground) -> None:
    with ground.store() as store:
        equal(store.append(()), Durable(0), "an append of nothing")
        equal(store.read(), (), "the log")


def a_log_is_read_in_pieces(ground: Ground) -> None:
    with ground.told() as store:
        for after in (0, 1, 6, 7, 8, len(story()) - 1, len(story()), len(story()) + 5):
            for limit in (None, 0, 1, 5, len(story())):
                end = None if limit is None else after + limit
                equal(store.read(after, limit), story()[after:end], f"read({after}, {limit})")


def a_commit_that_does_not_follow_is_refused_and_changes_nothing(ground: Ground) -> None:
    with ground.store() as store:
        append(store, story()[:5])
        refuses("a gap", lambda: store.append(story()[6:7]))
        refuses("a commit again", lambda: store.append(story()[4:5]))
        refuses("a gap inside", lambda: store.append((story()[5], story()[7])))
        refuses("another head", lambda: store.append((changed(story()[5], previous=bytes(16)),)))
        refuses("another chain", lambda: store.append((changed(story()[5], chain=bytes(16)),)))
        equal(store.read(), story()[:5], "the log")
        append(store, story()[5:])
        equal(store.read(), story(), "the log")


def a_commit_of_another_hub_is_refused(ground: Ground) -> None:
    with ground.store("other-hub") as store:
        refuses("a commit of another hub", lambda: store.append(story()[:1]))
        equal(store.seq, 0, "the last commit")


# --- the index


def every_word_of_a_session_is_read_by_its_number(ground: Ground) -> None:
    with ground.told() as store:
        said = envelopes_of(story())
        for session_id in {one.session_id for one in said}:
            words = tuple([one for one in said if one.session_id == session_id])
            equal(store.words(session_id), len(words), f"the words of {session_id}")
            for since in (0, 1, len(words) - 1, len(words), len(words) + 1):
                for until in (None, 0, 1, len(words), len(words) + 1):
                    expected = tuple([one for one in words if since < one.number and (until is None or one.number <= until)])
                    equal(store.read_session(session_id, since, until), expected, f"{session_id} {since} {until}")


def of_an_unknown_session_there_is_nothing(ground: Ground) -> None:
    with ground.told() as store:
        for session_id in ("", "nobody", f"{HUB_ID}:s:c999"):
            equal((store.words(session_id), store.read_session(session_id)), (0, ()), session_id)
            equal(store.ended_session(session_id), None, session_id)


def every_envelope_is_found_by_its_id(ground: Ground) -> None:
    with ground.told() as store:
        for one in envelopes_of(story()):
            equal(store.envelope(one.envelope_id), one, one.envelope_id)


def an_id_of_no_envelope_finds_none(ground: Ground) -> None:
    with ground.told() as store:
        beyond = len(story()) + 1
        for text in (
            "",
            "hub",
            f"{HUB_ID}:a:a2",
            f"{HUB_ID}:e:a1",
            f"{HUB_ID}:e:a2-a9",
            f"else:e:a{2}",
            f"{HUB_ID}:e:d{beyond:04}",
        ):
            equal(store.envelope(text), None, text)


def the_first_word_for_a_cause_is_found(ground: Ground) -> None:
    with ground.told() as store:
        first: dict[tuple[str, str, str], Envelope] = {}
        for one in envelopes_of(story()):
            if one.causation_id is not None:
                first.setdefault((one.session_id, one.sender_id, one.causation_id), one)
        assert first, "the story has words with a cause"
        for cause, one in first.items():
            equal(store.by_cause(*cause), one, str(cause))
            equal(store.by_cause(cause[0], "nobody", cause[2]), None, "a stranger's word")
            equal(store.by_cause("nowhere", *cause[1:]), None, "a word elsewhere")


def ended_sessions_are_listed_in_the_order_they_ended(ground: Ground) -> None:
    with ground.told() as store:
        rows = sorted(
            [row for row in rows_of(story()) if isinstance(row, EndedSessionRow)], key=lambda row: (row.seq, row.session_id)
        )
        assert len(rows) > 2, "the story has sessions that ended"
        agents = {agent_id for row in rows for agent_id in row.participants}
        for agent_id in (None, "nobody", *sorted(agents)):
            expected = [row for row in rows if agent_id is None or agent_id in row.participants]
            for limit in (1, 2, 100):
                cursor, came = START, list[EndedSessionRow]()
                for _ in range(len(rows) + 1):
                    page = store.ended_sessions(cursor, limit, agent_id=agent_id)
                    assert len(page.rows) <= limit, "a page is no longer than was asked for"
                    came += page.rows
                    if page.cursor is None:
                        break
                    cursor = page.cursor
                equal(came, expected, f"the ended sessions of {agent_id}, {limit} at a time")
        for row in rows:
            equal(store.ended_session(row.session_id), row, row.session_id)


def ended_tasks_are_listed_in_the_order_they_ended(ground: Ground) -> None:
    with ground.told() as store:
        rows = sorted([row for row in rows_of(story()) if isinstance(row, EndedTaskRow)], key=lambda row: (row.seq, row.task_id))
        assert len(rows) > 2, "the story has tasks that ended"
        for owner_id in (None, "nobody", *sorted({row.owner_id for row in rows})):
            expected = [row for row in rows if owner_id is None or row.owner_id == owner_id]
            cursor, came = START, list[EndedTaskRow]()
            for _ in range(len(rows) + 1):
                page = store.ended_tasks(cursor, 1, owner_id=owner_id)
                came += page.rows
                if page.cursor is None:
                    break
                cursor = page.cursor
            equal(came, expected, f"the ended tasks of {owner_id}")


def dead_letters_are_listed_as_they_stand(ground: Ground) -> None:
    with ground.told() as store:
        standing: dict[tuple[str, int], DeadLetterRow] = {}
        for row in rows_of(story()):
            if isinstance(row, DeadLetterRow):
                standing[row.agent_id, row.number] = row
        assert {row.is_dead for row in standing.values()} == {True, False}, "the story has dead letters, and one sent again"
        for agent_id in {agent_id for agent_id, _ in standing}:
            numbers = sorted([number for one, number in standing if one == agent_id and standing[one, number].is_dead])
            expected = tuple([standing[agent_id, number] for number in numbers])
            equal(store.dead_letters(agent_id), expected, agent_id)
            equal(store.dead_letters(agent_id, limit=1), expected[:1], agent_id)
            for at, number in enumerate(numbers):
                equal(store.dead_letters(agent_id, number), expected[at + 1 :], f"{agent_id} after {number}")
        equal(store.dead_letters("nobody"), (), "nobody")


def commits_are_found_by_the_kinds_of_their_audit_records(ground: Ground) -> None:
    with ground.told() as store:
        rows = [row for row in rows_of(story()) if isinstance(row, AuditRow)]
        kinds = sorted({row.kind for row in rows})
        for wanted in ((), ("no_such_kind",), *[(kind,) for kind in kinds], tuple(kinds), tuple(kinds[:2] * 2)):
            places = sorted({row.seq for row in rows if row.kind in wanted})
            for after, limit in ((0, 1000), (0, 2), (places[0] if places else 0, 3)):
                expected = [seq for seq in places if seq > after][:limit]
                equal([one.seq for one in store.audited(wanted, after, limit)], expected, f"{wanted} after {after}")


def an_index_row_for_every_envelope_is_one_answer(ground: Ground) -> None:
    with ground.told() as store:
        for row in rows_of(story()):
            if isinstance(row, EnvelopeRow):
                (word,) = store.read_session(row.session_id, row.number - 1, row.number)
                equal(word.envelope_id, row.envelope_id, f"{row.session_id} {row.number}")


LOG_LAWS: tuple[Law, ...] = (
    a_new_store_is_empty,
    a_store_is_of_the_hub_it_was_made_for,
    what_was_appended_is_read_back_equal,
    an_append_says_how_far_the_log_goes,
    appending_nothing_changes_nothing,
    a_log_is_read_in_pieces,
    a_commit_that_does_not_follow_is_refused_and_changes_nothing,
    a_commit_of_another_hub_is_refused,
    every_word_of_a_session_is_read_by_its_number,
    of_an_unknown_session_there_is_nothing,
    every_envelope_is_found_by_its_id,
    an_id_of_no_envelope_finds_none,
    the_first_word_for_a_cause_is_found,
    ended_sessions_are_listed_in_the_order_they_ended,
    ended_tasks_are_listed_in_the_order_they_ended,
    dead_letters_are_listed_as_they_stand,
    commits_are_found_by_the_kinds_of_their_audit_records,
    an_index_row_for_every_envelope_is_one_answer,
)
