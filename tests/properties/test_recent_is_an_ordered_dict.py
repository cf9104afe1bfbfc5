"""The memory that forgets its oldest first against a dict, which keeps the order its keys came in."""

from hypothesis import given, settings
from hypothesis import strategies as st

from foldhub_core.recent import Recent

puts = st.tuples(st.just("put"), st.integers(0, 30), st.integers(1, 8))
forgets = st.tuples(st.just("forget"), st.integers(-1, 5), st.just(0))


@settings(max_examples=100, deadline=None)
@given(st.lists(puts | forgets, max_size=60))
def test_it_holds_what_a_dict_without_its_oldest_holds(changes: list[tuple[str, int, int]]) -> None:
    recent: Recent[int] = Recent()
    model: dict[str, int] = {}
    for at, (change, number, most) in enumerate(changes):
        key = f"k{number}"
        before, held = recent, dict(model)
        if change == "forget":
            recent = recent.forget(number)
            for oldest in list(model)[: max(number, 0)]:
                del model[oldest]
        elif key not in model:
            recent = recent.put(key, at, most)
            model[key] = at
            for oldest in list(model)[: max(len(model) - most, 0)]:
                del model[oldest]
        assert list(recent.items()) == list(model.items())
        assert len(recent) == len(model)
        assert [recent.get(f"k{one}") for one in range(31)] == [model.get(f"k{one}") for one in range(31)]
        assert list(before.items()) == list(held.items()), "the version before stays as it was"
