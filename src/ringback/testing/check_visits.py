"""What others ask of the platform: dashboards, billing, the desktop, monitoring."""

from __future__ import annotations

import aiohttp
from aiohttp import web

from ringback.contracts.applications import FetchReply, FetchRequest
from ringback.runtime.http import HttpClient, HttpFailure
from ringback.testing.check_inbound import QUEUE
from ringback.testing.check_report import CheckFailed, Steps, expect
from ringback.testing.check_world import World
from ringback.testing.demo_load import status_token
from ringback.testing.demo_tenant import CHECK_PHONES, CHECK_WEB_PORT, TENANT

_PATIENCE = aiohttp.ClientTimeout(5.0)


async def visits(world: World, steps: Steps) -> None:
    """Each visitor once. Raises CheckFailed."""
    steps.journey("Visitors")
    with steps.step("billing counts the tenant's objects over the link"):
        link = await world.link("config", "voice-3")
        counted = await link.call("inventory", {"tenant": TENANT})
        expect(counted.get("dns.extension", 0) >= len(CHECK_PHONES), counted)
        now = world.ctx.now()
        billed = await link.call("usage", {"tenant": TENANT, "since": now - 60, "until": now + 60})
        peaks = {each["category"]: each["peak"] for each in billed}
        expect(peaks.get("dns.extension", 0) >= counted["dns.extension"], peaks)
    with steps.step("a dashboard reads the configuration and the statistics"):
        config = await world.link("config", "voice-2")
        found = await config.call(
            "search", {"tenant": TENANT, "kind": "dns", "like": {"type": "virtual_queue"}}
        )
        names = {item["id"] for item in found["objects"]}
        stats = await world.link("stats", "voice-2")
        figures = await stats.call("subscribe", {"tenant": TENANT})
        expect({queue["queue"] for queue in figures["queues"]} <= names, figures)
        wishes = [
            {"id": "answered", "object_type": "vq", "object": QUEUE, "statistic": "TotalCallsAnswered"},
            {"id": "status", "object_type": "agent", "object": "check-1", "statistic": "CurrentStatus"},
        ]
        opened = await stats.call("open", {"tenant": TENANT, "statistics": wishes})
        await stats.call("close", {"ids": ["answered", "status"]})
        values = {each["id"]: each.get("value") for each in opened["values"]}
        expect(values["answered"] > 0 and values["status"] != "NotMonitored", opened)
    with steps.step("Prometheus reads the metrics of engagement"):
        async with world.ctx.http_session().get(f"{world.base}/metrics") as response:
            expect(response.status == 200, response.status)
            expect("ringback_connection_messages" in await response.text(), "no such metric")
    with steps.step("the status page is there"):
        async with world.ctx.http_session().get(f"{world.base}/status", timeout=_PATIENCE) as response:
            expect(response.status == 200 and response.content_type == "text/html", response.status)
    with steps.step("it shows the platform to a user with a role, and to nobody else"):
        for token, status in ((await status_token(world.ctx), 200), ("guessed", 401)):
            path = f"{world.base}/status/picture?token={token}"
            async with world.ctx.http_session().get(path, timeout=_PATIENCE) as response:
                expect(response.status == status, response.status)
    with steps.step("an application reaches a web service outside through the designer"):
        await _outside(world)


async def _outside(world: World) -> None:
    """A web server of the check's own stands for the outside."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text="it is sunny")

    outside = web.Application()
    outside.router.add_get("/weather", answer)
    runner = web.AppRunner(outside, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, world.host, CHECK_WEB_PORT).start()
        url = f"http://{world.host}:{CHECK_WEB_PORT}"
        designer = HttpClient(world.ctx, "designer")
        try:
            reply = await designer.post("/fetch", FetchRequest(url=f"{url}/weather"), FetchReply)
        except HttpFailure as failure:
            raise CheckFailed(f"{failure}: add {url} to RINGBACK_DESIGNER_FETCH_ALLOW") from failure
        expect((reply.status, reply.body) == (200, "it is sunny"), reply)
    finally:
        await runner.cleanup()
