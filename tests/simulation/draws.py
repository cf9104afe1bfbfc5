"""What the simulation draws for the protocols with turns, and of what is expected in sessions."""

from hypothesis import strategies as st

from foldhub_core import EV_CONTEXT_SET, EV_PACKET, EV_TEXT, Expectation
from tests.simulation.debts import HANDLERS, SECONDS
from tests.simulation.flowing import BAD_DATA
from tests.simulation.plans import GRAPHS

TEXTS = ("hello", "hello", "hello", "count", "much", "trap")


def expectations(there: list[str], least: int = 0) -> st.SearchStrategy[tuple[Expectation, ...]]:
    """What may be expected of these."""
    one = st.builds(
        Expectation,
        st.sampled_from(["turn_within", "turn_within", "turn_within", *SECONDS]),
        st.sampled_from([*HANDLERS, "hide", "hide"]),
        st.sampled_from([0, 1, 2, 3, 5, 20]).map(lambda seconds: {"seconds": seconds}),
        st.sampled_from([None, None, None, ("initiator",), ("participant", "respondent"), tuple(there[1:2]), ()]),
    )
    counts = st.sampled_from([one for one in (0, 0, 1, 1, 1, 2, 3) if one >= least])
    return counts.flatmap(lambda count: st.lists(one, min_size=count, max_size=count).map(tuple))


unsound_expectations = st.sampled_from(
    [
        (),
        (),
        (),
        (Expectation("max_silence", "audit", {"seconds": 3}), Expectation("max_silence", "audit", {"seconds": 3})),
        (Expectation("nothing", "audit"),),
        (Expectation("max_silence", "nothing"),),
        (Expectation("turn_within", "warn", {"seconds": -1}),),
        (Expectation("reply_within", "warn", {"minutes": 1}),),
    ]
)


@st.composite
def workflow_knobs(draw: st.DrawFn, there: list[str], names: list[str]) -> dict[str, object]:
    """The knobs of a workflow of these, whom a graph names by ids or names; beside the graph the model's plan of it."""
    plan = draw(st.sampled_from([*sorted(GRAPHS), "fan", "fan"]))
    places = draw(st.permutations(range(len(there))))
    agents = [there[at] for at in places]
    called = [draw(st.sampled_from([there[at], names[at]])) for at in places]
    knobs: dict[str, object] = {"plan": plan, "agents": agents, "first": called[0], "graph": GRAPHS[plan](called).to_json()}
    context = draw(st.sampled_from([None, None, {}, {"k": 1}, {"k": True, "other": "x"}, {"done": True}]))
    return knobs if context is None else knobs | {"context_vars": context}


changes: st.SearchStrategy[dict[str, object]] = st.sampled_from(
    [
        {"set": {"k": 1}},
        {"set": {"k": True}},
        {"set": {"k": 2, "l": [1, "x"]}, "delete": ["done"]},
        {"set": {"done": 1}},
        {"set": {"done": True}},
        {"delete": ["k", "k", "nothing"]},
        {},
    ]
)


@st.composite
def packets(draw: st.DrawFn, targets: list[str]) -> dict[str, object]:
    """A packet that is one, to these or nobody."""
    said: dict[str, object] = {}
    if draw(st.booleans()):
        said["body"] = "hello"
    if draw(st.integers(0, 3)) == 0:
        said["context"] = draw(changes)
    kind = draw(st.sampled_from([None, None, "text", "text", "handoff", "handoff", "finish"]))
    if kind is not None:
        routing = {"kind": kind}
        tool = draw(st.sampled_from(["", "ask", "ask", "end", "other"]))
        reason = draw(st.sampled_from(["", "enough"]))
        target = draw(st.sampled_from(["", *targets, *targets, "nobody"])) if kind != "finish" else ""
        routing |= {key: text for key, text in (("tool", tool), ("reason", reason), ("target", target)) if text}
        said["routing"] = routing
    return said


@st.composite
def turns(draw: st.DrawFn, session_type: str, targets: list[str]) -> tuple[str, dict[str, object]]:
    """What may be said in a session of this type by one whose turn it is."""
    event_type = draw(st.sampled_from([EV_TEXT, EV_PACKET, EV_PACKET, EV_CONTEXT_SET])) if session_type == "workflow" else EV_TEXT
    if event_type == EV_PACKET:
        return event_type, draw(packets(targets))
    if event_type == EV_CONTEXT_SET:
        return event_type, draw(changes)
    return EV_TEXT, {"text": draw(st.sampled_from(TEXTS)) if session_type == "relay" else "hello"}


bad_turns: st.SearchStrategy[tuple[str, dict[str, object]]] = st.tuples(
    st.sampled_from([EV_PACKET, EV_CONTEXT_SET, EV_TEXT]), st.sampled_from([*BAD_DATA, {"body": "in no packet"}])
)
