"""The cork: what is done in one go is sent once, on every connection it has something for."""

import pytest

from foldhub.cork import Cork

from .hub_runs import run


class One:
    """Somebody who settles."""

    def __init__(self, name: str, told: list[str]) -> None:
        self.name = name
        self.told = told

    def settle(self) -> None:
        self.told.append(self.name)


def test_whoever_stirs_while_the_cork_is_in_settles_once_when_it_is_out() -> None:
    async def main() -> None:
        told: list[str] = []
        cork, ann, bob = Cork(), One("ann", told), One("bob", told)
        assert not cork.hold(ann)
        with cork:
            for one in (bob, ann, bob):
                assert cork.hold(one)
            assert told == []
        assert told == ["bob", "ann"]
        assert not cork.hold(ann)

    run(main)


def test_what_is_raised_meanwhile_keeps_nobody_from_settling() -> None:
    async def main() -> None:
        told: list[str] = []
        cork = Cork()

        def fail() -> None:
            with cork:
                cork.hold(One("ann", told))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        assert told == ["ann"]

    run(main)


def test_while_the_cork_is_in_the_time_stands() -> None:
    async def main() -> None:
        cork = Cork()
        with cork:
            now_ms = cork.now_ms
            assert cork.now_ms == now_ms
        assert cork.now_ms >= now_ms

    run(main)
