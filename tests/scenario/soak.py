"""Kill a random process of a running platform while a callback is live, again and again; run by hand.

    python tests/scenario/soak.py 20 --seed 7

Each round books a callback, kills one process with -9 at a random moment, waits for the callback's end, and
counts how often the customer's phone rang. The table says what was killed in which state. The exit status is
1 when a callback did not end, an agent did not come back, or a customer who had been connected was dialled
again.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ringback.testing.check_report import CheckFailed
from ringback.testing.check_world import World
from ringback.testing.demo_tenant import CHECK_CUSTOMERS, CHECK_PHONES
from ringback.testing.phone import Behaviour, Phone, PhoneCarrier
from ringback.testing.up import Up

AGENT = "check-1"
LONGEST_S = 120.0
RINGS_S, TALKS_S = 1.5, 5.0
LATEST_KILL_S = 4.5
COLUMNS = "{:>3}  {:<7} {:>6}  {:<10} {:<10} {:<22} {:>5} {:>6}  {:<9} {}"


@dataclass(frozen=True, slots=True)
class Round:
    """What was done to the platform, and what became of the callback."""

    number: int
    node: str
    after_s: float
    at: str
    state: str
    reason: str
    dials: int
    seconds: float
    agent: str
    services: str

    @property
    def bad(self) -> bool:
        """It did not end, or the agent is stuck, or who had been connected was dialled again."""
        return (
            self.state != "COMPLETED" or self.agent != "ready" or (self.at == "PROCESSING" and self.dials > 1)
        )

    def row(self) -> str:
        seconds = f"{self.seconds:.1f}"
        head = (self.number, self.node, f"{self.after_s:.2f}", self.at, self.state, self.reason, self.dials)
        return COLUMNS.format(*head, seconds, self.agent, self.services)


async def one_round(up: Up, phone: Phone, carrier: PhoneCarrier, number: int, chance: random.Random) -> Round:
    """One callback and one kill."""
    world, loop = up.world, asyncio.get_running_loop()
    nodes = await up.nodes()
    node, after = chance.choice(sorted(nodes)), chance.uniform(0.0, LATEST_KILL_S)
    carrier.received_calls.clear()
    started = loop.time()
    callback = await world.book(CHECK_CUSTOMERS[3])
    await asyncio.sleep(after)
    at = str((await world.callback(callback))["callbackState"])
    await up.kill(node)
    seen = await _end(world, callback)
    seconds = loop.time() - started
    await up.whole(60.0)
    agent = await _agent(world)
    services = " ".join(beat.name for beat in nodes[node])
    dials = len(carrier.received_calls)
    state, reason = seen["callbackState"], seen.get("callbackReason") or ""
    return Round(number, node, after, at, state, reason, dials, seconds, agent, services)


async def _end(world: World, callback: str) -> dict[str, str]:
    try:
        return await world.callback_becomes(callback, "COMPLETED", timeout=LONGEST_S)
    except CheckFailed:
        return await world.callback(callback)


async def _agent(world: World) -> str:
    """Where the agent is in the end; made ready by hand for the next round, if need be."""
    try:
        return (await world.agent_becomes(AGENT, "ready", timeout=30.0)).state
    except CheckFailed:
        seen = await world.agent(AGENT)
        await world.ready(AGENT)
        await world.agent_becomes(AGENT, "ready", timeout=30.0)
        return seen.state


async def soak(count: int, host: str, processes: int, chance: random.Random) -> list[Round]:
    """All rounds on one platform."""
    rounds: list[Round] = []
    with tempfile.TemporaryDirectory(prefix="ringback-soak-") as folder:
        async with Up(Path(folder), host, processes=processes) as up:
            await up.whole(60.0)
            world = up.world
            async with world.phone(CHECK_PHONES[0]) as phone, world.carrier() as carrier:
                phone.auto_answer = 0.3
                carrier.default = Behaviour(answer_after=RINGS_S, hang_up_after=TALKS_S)
                await phone.register()
                await world.agent_becomes(AGENT, "ready")
                print(
                    COLUMNS.format("#", "killed", "after", "in", "end", "reason", "dials", "s", "agent", "")
                )
                for number in range(1, count + 1):
                    rounds.append(await one_round(up, phone, carrier, number, chance))
                    print(rounds[-1].row(), flush=True)
    return rounds


def main() -> int:
    """Exit status 1 when a round was bad."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int, help="rounds")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    parser.add_argument("--host", default="127.142.7.1", help="private loopback address of the platform")
    parser.add_argument("--processes", type=int, default=4)
    given = parser.parse_args()
    rounds = asyncio.run(soak(given.count, given.host, given.processes, random.Random(given.seed)))
    again = sum(each.dials > 1 for each in rounds)
    never = sum(each.dials == 0 for each in rounds)
    bad = sum(each.bad for each in rounds)
    print(f"seed {given.seed}: {len(rounds)} rounds, {bad} bad, {again} dialled again, {never} never dialled")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
