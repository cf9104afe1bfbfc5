"""Logs as JSON Lines: what people read in them, and that they come back to the last byte."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from foldhub.testing.store_story import HUB_ID, story
from foldhub_core import Commit, Compacted, HubConfig, HubState, Malformed, NetworkError, digest, read_log, replay
from foldhub_stores import (
    FileStore,
    Full,
    LogStore,
    MemoryStore,
    Outcome,
    StoreError,
    StoreMismatch,
    export_log,
    import_log,
    import_store,
)
from tests.core.recorded_hub import ADAPTERS
from tests.stores.places import told

CORPUS = Path(__file__).parents[1] / "corpus"


def told_in_memory() -> MemoryStore:
    store = MemoryStore(HUB_ID)
    store.append(story())
    return store


def lines() -> list[str]:
    return list(export_log(told_in_memory()))


# --- there and back


def test_between_any_two_stores_a_log_comes_back_to_the_last_byte(tmp_path: Path) -> None:
    made: list[LogStore] = [told_in_memory()]
    kinds: list[Callable[[str], LogStore]] = [
        MemoryStore,
        lambda hub_id: FileStore(tmp_path / "one", hub_id),
        lambda hub_id: FileStore(tmp_path / "two", hub_id),
        MemoryStore,
    ]
    for kind in kinds:
        made.append(import_log(export_log(made[-1]), kind))
    assert [list(export_log(store)) for store in made] == [lines()] * 5
    assert [store.read() for store in made] == [story()] * 5
    assert [commit.payload for commit in made[-1].read()] == [commit.payload for commit in story()]
    for store in made:
        store.close()


def test_a_recorded_log_comes_back_with_its_digest() -> None:
    log = read_log((CORPUS / "registry-1.log").read_bytes())
    store = MemoryStore(log.hub_id)
    store.append(log.commits)
    again = import_log(export_log(store), MemoryStore)
    config = HubConfig(adapters=ADAPTERS)
    states = [replay(config, commits, HubState(log.hub_id)) for commits in (log.commits, again.read())]
    assert digest(states[0]) == digest(states[1])


def test_an_empty_log_is_one_line() -> None:
    (header,) = export_log(MemoryStore(HUB_ID))
    assert import_log([header], MemoryStore).seq == 0


def test_it_tells_how_far_it_has_come() -> None:
    heard: list[tuple[str, int, int]] = []
    import_log(export_log(told_in_memory()), MemoryStore, progress=lambda *told: heard.append(told))
    assert heard[-1] == ("commits", len(story()), len(story()))


def test_a_program_that_wrote_it_anew_does_no_harm() -> None:
    """As `jq -S` does: other blanks, and the names in another order."""
    anew = [json.dumps(json.loads(line), sort_keys=True, indent=None) for line in lines()]
    assert import_log(anew, MemoryStore).read() == story()


# --- what people read


def test_a_line_tells_a_commit_by_names() -> None:
    told_lines = [json.loads(line) for line in lines()[1:]]
    assert [line["seq"] for line in told_lines] == [commit.seq for commit in story()]
    said = [fact for line in told_lines for fact in line.get("facts", ()) if fact["type"] == "Envelope"]
    assert {"text": "Because."} in [fact["event_data"] for fact in said]
    refused = [line for line in told_lines if "refusal" in line]
    assert ("stranger", "access_denied") in [(line["subject"], line["refusal"]["code"]) for line in refused]
    assert {line["command"]["type"] for line in told_lines} > {"Start", "Register", "Post", "Tick", "SetSkill"}


def test_no_line_holds_an_end_of_a_line() -> None:
    assert [line for line in lines() if "\n" in line] == []


def test_it_holds_nothing_but_the_log(tmp_path: Path) -> None:
    store = FileStore(told(tmp_path / "store"))
    header, *rest = export_log(store)
    store.close()
    assert json.loads(header).keys() == {"foldhub_log", "form", "hub_id", "after", "head", "seq", "last_head"}
    told_names = {name for line in rest for name in json.loads(line)}
    rights = {"admin", "may_register", "owner_id"}
    log = {"seq", "now_ms", "subject", "command", "facts", "refusal", "form", "chain", "payload"}
    assert log <= told_names <= log | rights
    secrets = (store.identity.store_id, str(tmp_path))
    assert [line for line in (header, *rest) if any(secret in line for secret in secrets)] == []


# --- a part of a log


def test_a_part_can_be_read_and_not_imported() -> None:
    part = list(export_log(told_in_memory(), 50))
    assert [json.loads(line)["seq"] for line in part[1:]] == [commit.seq for commit in story()[50:]]
    with pytest.raises(Compacted, match="expected a whole log, came one from commit 51 on"):
        import_log(part, MemoryStore)


@pytest.mark.parametrize("after", [-1, 10_000])
def test_a_part_begins_in_the_log(after: int) -> None:
    with pytest.raises(Malformed, match="expected a place from 0 to"):
        list(export_log(told_in_memory(), after))


# --- what is refused


def edited(name: str, value: object, number: int = 20) -> list[str]:
    """The lines, with something else in one of them."""
    changed = lines()
    changed[number] = json.dumps({**json.loads(changed[number]), name: value})
    return changed


BROKEN = {
    "nothing": [],
    "no JSON": ["{"],
    "no object": ["[]"],
    "another file": ['{"seq": 1}'],
    "nested too deep": ["[" * 100_000],
    "a hub without a name": edited("hub_id", 7, 0),
    "a place that is no number": edited("seq", True, 0),
    "a head that is no number": edited("head", "xy", 0),
    "its end is missing": lines()[:-1],
    "its beginning is missing": [lines()[0], *lines()[2:]],
    "a commit twice": [*lines()[:9], *lines()[8:]],
    "two commits in each other's place": [*lines()[:8], lines()[9], lines()[8], *lines()[10:]],
    "more than it says": [*lines(), lines()[-1]],
    "another hub's": edited("hub_id", "other", 0),
    "an edited time": edited("now_ms", 1),
    "edited facts": edited("facts", []),
    "an edited sequence": edited("seq", 1),
    "another chain": edited("chain", "00" * 16),
    "a payload that is no base64": edited("payload", "?"),
    "another payload": edited("payload", "AAAA"),
    "no payload": edited("payload", None),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_no_whole_log_is_refused(what: str) -> None:
    with pytest.raises(NetworkError, match="expected"):
        import_log(BROKEN[what], MemoryStore)


def test_what_is_refused_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="line 21: expected facts of commit 20 as its payload says it"):
        import_store(BROKEN["edited facts"], tmp_path / "store")
    assert list(tmp_path.iterdir()) == []


def test_names_of_another_version_are_passed_over() -> None:
    """What is chained is the payload; a later version may tell it by other names."""
    header, *rest = edited("facts", [], 20)
    older = json.dumps({**json.loads(header), "form": 9})
    assert import_log([older, *rest], MemoryStore).read() == story()


def test_a_store_that_holds_something_is_not_imported_into() -> None:
    with pytest.raises(Malformed, match="expected an empty store"):
        import_log(lines(), lambda _: told_in_memory())


def test_nothing_is_imported_over_a_store(tmp_path: Path) -> None:
    place = told(tmp_path / "store")
    with pytest.raises(StoreMismatch, match="expected nothing at"):
        import_store(lines(), place)
    store = FileStore(place)
    assert store.read() == story()
    store.close()


def test_a_store_without_room_is_said_to_have_none() -> None:
    class Small(MemoryStore):
        def append(self, commits: Sequence[Commit]) -> Outcome:
            return Full("no room")

    with pytest.raises(StoreError, match="no room"):
        import_log(lines(), Small)


def test_a_log_is_imported_whole_at_its_place(tmp_path: Path) -> None:
    assert import_store(lines(), tmp_path / "some" / "where") == len(story())
    assert [file.name for file in (tmp_path / "some").iterdir()] == ["where"]
    store = FileStore(tmp_path / "some" / "where", HUB_ID)
    assert store.read() == story()
    store.close()
