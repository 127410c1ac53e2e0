"""Overload on made-up measurements (RFC 6357)."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from ringback.services.sip_proxy.overload import Overload
from ringback.sip.transport import Source
from ringback.sip.udp import UdpSocket
from ringback.testing.servers import run_host

DICE = [number / 100 for number in range(100)]


def steady(delay: float, queued: int = 0) -> Overload:
    made = Overload(delay_s=0.2, waiting=100)
    for _ in range(60):
        made.measured(delay, queued)
    return made


@pytest.mark.parametrize(
    ("delay", "queued", "refused"), [(0.1, 0, 0), (0.2, 100, 0), (0.3, 0, 50), (0.1, 175, 75), (9.0, 0, 100)]
)
def test_the_share_that_is_refused_grows_with_the_excess(delay: float, queued: int, refused: int) -> None:
    overload = steady(delay, queued)
    assert sum(overload.wait(dice) > 0 for dice in DICE) == pytest.approx(refused, abs=1)


def test_who_can_wait_is_refused_before_anybody_who_cannot() -> None:
    shares = {}
    for delay in (0.1, 0.15, 0.2, 0.3):
        overload = steady(delay)
        shares[delay] = tuple(
            sum(overload.wait(dice, patient=patient) > 0 for dice in DICE) for patient in (True, False)
        )
    assert shares == {0.1: (0, 0), 0.15: (50, 0), 0.2: (100, 0), 0.3: (100, 50)}


def test_calls_have_twice_the_room_while_most_of_what_comes_can_wait() -> None:
    """A thousand phones come in one turn, before anything could be measured."""
    shares = {}
    for others in (20, 200):
        overload = steady(0.35)
        for patient in (True,) * 100 + (False,) * others:
            overload.came(patient=patient)
        overload.measured(0.35, 0)
        shares[others] = [sum(overload.wait(dice, patient=it) > 0 for dice in DICE) for it in (True, False)]
    assert shares == {20: [100, 0], 200: [100, 75]}


def test_one_slow_turn_refuses_nobody_and_a_calm_one_forgets() -> None:
    overload = steady(0.0)
    overload.measured(0.5, 0)
    assert not any(overload.wait(dice) for dice in DICE)
    overload = steady(0.05)
    overload.measured(30.0, 0)
    assert not any(overload.wait(dice) for dice in DICE), (
        "however long it was: the machine had no time for us"
    )
    overload = steady(9.0)
    for _ in range(20):
        overload.measured(0.0, 0)
    assert not any(overload.wait(dice) for dice in DICE)


def test_whoever_stays_behind_refuses_all_within_a_second() -> None:
    overload = steady(0.0)
    for _ in range(10):
        overload.measured(0.6, 0)
    assert all(overload.wait(dice) for dice in DICE)


def test_not_all_are_told_to_come_back_at_once() -> None:
    waits = {steady(9.0).wait(dice) for dice in DICE}
    assert waits == set(range(2, 10))


def test_without_limits_nothing_is_refused() -> None:
    overload = Overload(delay_s=0.0, waiting=0)
    overload.measured(1000.0, 1_000_000)
    assert overload.level == 0.0


class Receiver:
    """A socket that others send to, and what it has read."""

    def __init__(self) -> None:
        self.seen = 0
        self.sock = UdpSocket.bind(run_host(76), 0, self._received)

    def _received(self, _data: bytes, _source: Source) -> None:
        self.seen += 1

    def behind(self) -> float:
        """As far as can be told a second from now."""
        return self.sock.behind(asyncio.get_running_loop().time() + 1)

    def sent(self, count: int, size: int = 1) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(count):
                sender.sendto(bytes(size), (self.sock.host, self.sock.port))

    async def until(self, seen: int) -> None:
        async with asyncio.timeout(5):
            while self.seen < seen:
                await asyncio.sleep(0)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    yield made
    made.sock.close()


async def test_a_socket_knows_how_long_what_it_reads_has_waited(receiver: Receiver) -> None:
    receiver.sent(200)
    assert receiver.behind() == 0.0
    await receiver.until(64)
    assert 0.0 < receiver.behind() < 1.0, "since it came in, not since the socket was read empty"
    await receiver.until(200)
    assert receiver.behind() == 0.0


async def test_a_socket_that_was_read_empty_to_the_last_is_not_behind(receiver: Receiver) -> None:
    receiver.sent(64)
    await receiver.until(64)
    assert receiver.behind() == 0.0


async def test_what_the_kernel_has_dropped_waits_until_it_is_repeated(receiver: Receiver) -> None:
    receiver.sent(20_000, 1000)
    assert (receiver.behind(), receiver.behind()) == (1.0, 0.0)
