"""Overload on made-up measurements (RFC 6357)."""

import asyncio
import socket

import pytest

from ringback.services.sip_proxy.overload import Overload
from ringback.sip.transport import UdpSocket
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
    overload = steady(9.0)
    for _ in range(20):
        overload.measured(0.0, 0)
    assert not any(overload.wait(dice) for dice in DICE)


def test_not_all_are_told_to_come_back_at_once() -> None:
    waits = {steady(9.0).wait(dice) for dice in DICE}
    assert waits == set(range(2, 10))


def test_without_limits_nothing_is_refused() -> None:
    overload = Overload(delay_s=0.0, waiting=0)
    overload.measured(1000.0, 1_000_000)
    assert overload.level == 0.0


async def test_a_socket_knows_that_it_falls_behind() -> None:
    host, loop, seen = run_host(76), asyncio.get_running_loop(), list[float]()
    receiver = UdpSocket.bind(host, 0, lambda data, source: seen.append(receiver.behind(loop.time() + 1)))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(200):
            sender.sendto(b"x", (host, receiver.port))
        async with asyncio.timeout(5):
            while len(seen) < 200:
                await asyncio.sleep(0)
    assert seen[0] == 0.0
    assert seen[199] >= 1.0
    async with asyncio.timeout(5):
        while receiver.behind(loop.time()):
            await asyncio.sleep(0)
    receiver.close()
