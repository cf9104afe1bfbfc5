"""Settling: acks go out together, what the hub cannot take is told again, what it refuses is let go."""

from collections.abc import Sequence
from typing import Any

import trio

from foldhub.link import LinkClosed, Received
from foldhub.settling import ACKS_AT_ONCE, Settling
from foldhub_core import Ack, Command, Face, Nack, NetworkError, NotFoundError, Unavailable
from tests.shells.network import in_trio, quiet


class Told:
    """A connection that notes what it is asked, and first raises what it was given."""

    def __init__(self, *errors: NetworkError) -> None:
        self.errors = list(errors)
        self.asked: list[Command] = []

    async def ask(self, command: Command) -> object:
        await trio.lowlevel.checkpoint()
        if self.errors:
            raise self.errors.pop(0)
        self.asked.append(command)
        return None

    async def question(self, question: object) -> object:
        raise NotImplementedError

    async def receive(self) -> Received:
        return LinkClosed()

    async def receive_many(self, limit: int = 64) -> tuple[Received, ...]:
        return (LinkClosed(),)

    # Any: as in `Duplex`.
    def adapter_face(self, type: str, version: int) -> Face[Any] | None:
        return None


class Soon(Told):
    """One whose acks nobody waits for."""

    def __init__(self) -> None:
        super().__init__()
        self.acked: list[tuple[str, tuple[int, ...]]] = []

    def ack_soon(self, agent_id: str, numbers: Sequence[int]) -> None:
        self.acked.append((agent_id, tuple(numbers)))


def ack(*numbers: int) -> Ack:
    return Ack(agent_id="bob", numbers=numbers)


@in_trio
async def test_acks_of_one_agent_go_out_in_one_command() -> None:
    told = Told()
    settling = Settling(told)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(settling.run)
        settling.put(ack(1))
        settling.ack("bob", 2)
        settling.ack("carol", 7)
        await settling.done()
        assert told.asked == [ack(1, 2), Ack(agent_id="carol", numbers=(7,))]
        settling.put(ack(*range(3, ACKS_AT_ONCE + 5)))
        settling.put(Nack(agent_id="bob", number=1, reason="no"))
        await settling.done()
        assert [len(one.numbers) for one in told.asked[2:] if isinstance(one, Ack)] == [ACKS_AT_ONCE, 2]
        assert isinstance(told.asked[-1], Nack)
        nursery.cancel_scope.cancel()


@in_trio
async def test_where_nobody_waits_for_acks_they_wait_for_no_task() -> None:
    soon = Soon()
    settling = Settling(soon)
    settling.put(ack(1))
    settling.ack("carol", 7)
    assert soon.acked == [("bob", (1,)), ("carol", (7,))]
    await settling.done()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(settling.run)
        settling.put(Nack(agent_id="bob", number=2, reason="no"))
        await settling.done()
        nursery.cancel_scope.cancel()
    assert soon.asked == [Nack(agent_id="bob", number=2, reason="no")]


@in_trio
async def test_what_the_hub_cannot_take_now_is_told_again_after_growing_pauses() -> None:
    told = Told(*[Unavailable("full")] * 7)
    settling = Settling(told)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(settling.run)
        settling.put(ack(1))
        await settling.done()
        assert told.asked == [ack(1)]
        assert trio.current_time() == 0.25 + 0.5 + 1 + 2 + 4 + 8 + 8
        nursery.cancel_scope.cancel()


@in_trio
async def test_what_the_hub_refuses_is_let_go() -> None:
    told = Told(NotFoundError("gone"))
    settling = Settling(told)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(settling.run)
        settling.put(ack(1))
        await quiet()
        settling.put(ack(2))
        await settling.done()
        assert told.asked == [ack(2)]
        nursery.cancel_scope.cancel()
