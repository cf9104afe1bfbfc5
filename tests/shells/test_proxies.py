"""Agents that live elsewhere: their deliveries are handed to a proxy, in order, again where it failed, and after a restart."""

import trio
from trio.testing import wait_all_tasks_blocked

from foldhub import Hub
from foldhub_core import EV_TEXT, AnswerInvite, Auth, Envelope, HubConfig, Passport, Resume

from .hub_runs import Agent, KeptStore, agent, run

CONFIG = HubConfig(remote_agents=True)


class Proxy:
    """Hands deliveries to a list; fails as often as it is told to."""

    scheme = "pigeon"

    def __init__(self, fails: int = 0) -> None:
        self.fails = fails
        self.came: list[Envelope] = []
        self.claims: list[object] = []
        self.slow = 0.0

    async def dispatch(self, envelope: Envelope, passport: Passport) -> None:
        """Take a delivery."""
        await trio.sleep(self.slow)
        self.claims.append(passport.auth.claim)
        if self.fails:
            self.fails -= 1
            raise ConnectionError("the pigeon is tired")
        self.came.append(envelope)

    def texts(self) -> list[object]:
        """The texts that came."""
        return [one.event_data["text"] for one in self.came if one.event_type == EV_TEXT]


async def remote(hub: Hub, name: str = "far") -> str:
    """Register a remote agent."""
    passport = Passport(name, kind="remote_agent", auth=Auth(scheme="pigeon", claim={"ring": 7}))
    agent_id = (await hub.register(passport, Resume())).agent_id
    assert agent_id is not None
    return agent_id


async def opened(hub: Hub, ann: Agent, far: str) -> str:
    """A session with a remote agent, who accepts through the hub."""
    session = await hub.create_session(creator_id=ann.agent_id, type="conversation", participants=(far,))
    await hub.ask(AnswerInvite(session_id=session.session_id, agent_id=far, accept=True))
    return session.session_id


def test_deliveries_go_out_in_order_and_what_is_said_comes_in() -> None:
    async def main() -> None:
        proxy = Proxy()
        proxy.slow = 1
        async with Hub.open(KeptStore(), config=CONFIG, proxies=[proxy]) as hub, agent(hub, "ann") as ann:
            far = await remote(hub)
            session_id = await opened(hub, ann, far)
            for number in range(3):
                await ann.say(session_id, str(number))
            await trio.sleep(10)
            assert proxy.texts() == ["0", "1", "2"]
            assert proxy.claims[0] == {"ring": 7}
            assert hub.inbox(far).owed == 0
            await hub.post_envelope(Envelope(session_id, far, EV_TEXT, {"text": "from afar"}))
            assert (await ann.types(2))[-1] == EV_TEXT

    run(main, jump=True)


def test_what_a_proxy_fails_to_take_comes_again_and_is_heard() -> None:
    async def main() -> None:
        proxy = Proxy(fails=2)
        async with Hub.open(KeptStore(), config=CONFIG, proxies=[proxy]) as hub, agent(hub, "ann") as ann:
            far = await remote(hub)
            await opened(hub, ann, far)
            await trio.sleep(60)
            assert [one.number for one in proxy.came] == [1, 3]
            failed = await hub.audit_log(["forward_failed"])
            assert [one.data["reason"] for one in failed] == ["ConnectionError: the pigeon is tired"] * 2

    run(main, jump=True)


def test_what_never_gets_through_is_a_dead_letter_that_can_be_resent() -> None:
    async def main() -> None:
        async with Hub.open(KeptStore(), config=CONFIG) as hub, agent(hub, "ann") as ann:
            far = await remote(hub)
            await hub.create_session(creator_id=ann.agent_id, type="conversation", participants=(far,))
            await trio.sleep(3_600)
            letters = hub.dead_letters(far)
            assert [one.number for one in letters] == [1, 2]
            assert "expected a proxy for the scheme 'pigeon'" in letters[0].reason
            proxy = Proxy()
            assert hub.register_remote_proxy(proxy) is None
            assert hub.remote_proxy_for("pigeon") is proxy
            await hub.resend(far, 1)
            await trio.sleep(1)
            assert [one.event_type for one in proxy.came] == ["session.invited"]
            other = Proxy()
            assert hub.register_remote_proxy(other) is proxy
            assert hub.unregister_remote_proxy("pigeon") is other
            assert hub.unregister_remote_proxy("pigeon") is None

    run(main, jump=True)


def test_what_is_owed_goes_out_again_after_a_restart() -> None:
    async def main() -> None:
        store, stuck = KeptStore("demo"), Proxy()
        stuck.slow = 1_000_000
        async with Hub.open(store, config=CONFIG, proxies=[stuck]) as hub, agent(hub, "ann") as ann:
            far = await remote(hub)
            session_id = await opened(hub, ann, far)
            await ann.say(session_id, "late")
            await wait_all_tasks_blocked()
        proxy = Proxy()
        async with Hub.open(store, config=CONFIG, proxies=[proxy]) as hub:
            await trio.sleep(1)
            assert proxy.texts() == ["late"]
            assert hub.inbox(far).owed == 0

    run(main, jump=True)


def test_a_slow_proxy_holds_up_neither_the_poster_nor_other_remote_agents() -> None:
    async def main() -> None:
        proxy = Proxy()
        proxy.slow = 10
        async with Hub.open(KeptStore(), config=CONFIG, proxies=[proxy]) as hub, agent(hub, "ann") as ann:
            began = trio.current_time()
            far, farther = await remote(hub), await remote(hub, "farther")
            for one in (far, farther):
                await opened(hub, ann, one)
            assert trio.current_time() == began
            await trio.sleep(11)
            assert {one.audience for one in proxy.came} == {(far,), (farther,)}
            await hub.unregister(far)
            await trio.sleep(100)
            assert hub.inbox(farther).owed == 0

    run(main, jump=True)


def test_more_than_may_wait_for_one_agent_comes_again_later() -> None:
    async def main() -> None:
        proxy = Proxy()
        proxy.slow = 0.001
        async with Hub.open(KeptStore(), config=CONFIG, proxies=[proxy]) as hub, agent(hub, "ann") as ann:
            far = await remote(hub)
            session_id = await opened(hub, ann, far)
            for number in range(950):
                await ann.say(session_id, str(number))
            assert hub.inbox(far).owed > 900
            await trio.sleep(100)
            assert sorted(map(int, map(str, proxy.texts()))) == list(range(950))

    run(main, jump=True)
