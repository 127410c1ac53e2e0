"""``ringback check``: both journeys against a running platform, with scripted phones on real sockets.

It uses numbers, agents and a carrier of its own in the demo tenant and leaves nothing behind but completed
callbacks, so that it can run beside a live demo. One check runs at a time.
"""

from __future__ import annotations

import os

import msgspec
from rich.console import Console

from ringback import topology
from ringback.runtime.context import Context, Process
from ringback.runtime.counters import read_totals
from ringback.runtime.http import HttpClient, HttpFailure
from ringback.runtime.lease import Lease
from ringback.runtime.settings import CommonSettings
from ringback.runtime.valkey import ValkeyUnavailable
from ringback.testing import (
    check_call_in,
    check_callback,
    check_campaign,
    check_digital,
    check_gateway,
    check_inbound,
    check_outside,
    check_shipped,
    check_visits,
)
from ringback.testing.check_report import CheckFailed, Steps, expect
from ringback.testing.check_world import World, until
from ringback.testing.connections import rows, silent
from ringback.testing.demo_tenant import CHECK_PHONES
from ringback.testing.phone import Phone

_LEASE_S = 120.0


async def run(common: CommonSettings, *, as_json: bool = False, console: Console | None = None) -> int:
    """Run the check and print it; returns the exit status: 0 when all is as it should be, else 1."""
    out = console or Console()
    steps = Steps(None if as_json else out)
    process = Process(msgspec.structs.replace(common, node=f"check-{os.getpid()}", kafka_bootstrap=""))
    try:
        await _reach(process, steps)
        await journeys(World(Context(process, "check")), steps)
    except CheckFailed:
        pass  # the step that failed is in the report
    finally:
        await process.stop()
    report = steps.report()
    if as_json:
        out.out(msgspec.json.format(msgspec.json.encode(report)).decode(), highlight=False)
    else:
        verdict = "[green]All is as it should be.[/green]" if report.ok else "[red]Not as it should be.[/red]"
        out.print(f"\n{verdict} {len(report.steps)} steps in {report.seconds:.1f} s")
    return 0 if report.ok else 1


async def _reach(process: Process, steps: Steps) -> None:
    steps.journey("The platform")
    with steps.step("its Valkey answers"):
        try:
            await process.start(needs_postgres=False)
        except ValkeyUnavailable as error:
            raise CheckFailed(f"{error}: start the platform with `ringback up`") from error


async def journeys(world: World, steps: Steps) -> None:
    """All journeys, one after another. Raises CheckFailed at the first thing that is not as it should be."""
    with steps.step("every service is ready"):
        await _ready(world.ctx)
    with steps.step("no other check is running"):
        lease = Lease(world.ctx.valkey, "ringback:check", world.ctx.node, _LEASE_S)
        expect(await lease.acquire(), "another one; wait for its end")
    try:
        await _journeys(world, steps)
    finally:
        await lease.release()


async def _journeys(world: World, steps: Steps) -> None:
    async with world.carrier() as carrier, world.phone(CHECK_PHONES[0], transport="tcp") as agent:
        await check_inbound.inbound(world, steps, carrier, agent)
        await check_callback.refused(world, steps)
        await check_callback.waits(world, steps)
        await check_callback.immediate(world, steps, carrier, agent)
        await check_callback.scheduled(world, steps, carrier, agent)
        await check_callback.retried(world, steps, carrier, agent)
        await check_callback.cancelled(world, steps)
        await check_campaign.campaign(world, steps, carrier, agent)
        await check_shipped.agent_first(world, steps, carrier, agent)
        await check_call_in.call_in(world, steps, carrier, agent)
        await check_shipped.menu(world, steps, agent)
        await check_shipped.after_hours(world, steps)
        await check_inbound.deposit(world, steps)
        await check_digital.chats(world, steps)
        await check_digital.message(world, steps)
        await check_visits.visits(world, steps)
        await check_outside.outside(world, steps)
        await check_gateway.supervised(world, steps)
        await _logs_out(world, steps, agent)
    await _carried(world, steps)


async def _logs_out(world: World, steps: Steps, agent: Phone) -> None:
    steps.journey("The end of the day")
    with steps.step("the agent's phone unregisters, and the agent is logged out"):
        await agent.unregister()
        await world.agent_becomes("check-1", "logged_out")


async def _carried(world: World, steps: Steps) -> None:
    steps.journey("Connections")
    with steps.step("every connection that is built has carried data"):

        async def quiet() -> list[str]:
            return silent(rows(await read_totals(world.ctx.valkey)))

        await until(quiet, lambda seen: not seen, 8.0)


async def _ready(ctx: Context) -> None:
    for entry in topology.LISTENERS:
        if entry.protocol != "http" or entry.name != "http":
            continue
        try:
            await HttpClient(ctx, entry.service).get("/ready")
        except HttpFailure as failure:
            raise CheckFailed(f"{entry.service} is not ready") from failure
        except ConnectionError as error:
            raise CheckFailed(
                f"{entry.service} is not there: start the platform with `ringback up`"
            ) from error
