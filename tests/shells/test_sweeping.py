"""Sweepers run every so often until they are unregistered, whatever they raise."""

import pytest
import trio

from foldhub import Hub

from .hub_runs import KeptStore, run


def test_a_sweeper_is_awaited_at_its_interval_whatever_it_raises(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        swept: list[float] = []
        async with Hub.open(KeptStore()) as hub:
            began = trio.current_time()

            async def sweep() -> None:
                swept.append(round(trio.current_time() - began))
                raise ValueError("dust")

            hub.register_sweeper("broom", 10, sweep)
            for name, interval, message in (("broom", 10, "name no sweeper has"), ("mop", 0, "above 0"), ("mop", -1, "above 0")):
                with pytest.raises(ValueError, match=message):
                    hub.register_sweeper(name, interval, sweep)
            await trio.sleep(35)
            await hub.unregister_sweeper("broom")
            await hub.unregister_sweeper("broom")
            await trio.sleep(35)
            hub.register_sweeper("broom", 1, sweep)
        assert swept == [10, 20, 30]

    run(main, jump=True)
    assert "the sweeper broom raised" in caplog.text


def test_unregistering_waits_until_the_sweeper_has_stopped() -> None:
    async def main() -> None:
        ended: list[str] = []
        async with Hub.open(KeptStore()) as hub:

            async def sweep() -> None:
                try:
                    await trio.sleep_forever()
                finally:
                    ended.append("sweep")

            hub.register_sweeper("broom", 1, sweep)
            await trio.sleep(2)
            await hub.unregister_sweeper("broom")
            assert ended == ["sweep"]

    run(main, jump=True)
