"""The designer on a real PostgreSQL; engagement and the outside are servers of the test."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from ringback.runtime.context import Context
from ringback.runtime.http import HttpClient, HttpError, HttpFailure, HttpRequest, HttpServer
from ringback.runtime.migrate import migrate
from ringback.services.designer.store import DIALOGS, SHIPPED
from ringback.testing.digital_server import DigitalForTests, Message
from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import private_host

APP = b'<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0"><state id="a"/></scxml>'
SETTINGS = {"sales": {"_max_dial_attempts": "3"}}


class Outside:
    """A server that the platform does not know."""

    def __init__(self) -> None:
        self.runner: web.AppRunner | None = None
        self.url = ""
        self.seen: list[tuple[str, bytes]] = []

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{what}", self._serve)
        self.runner = web.AppRunner(app)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"

    async def _serve(self, request: web.Request) -> web.Response:
        self.seen.append((request.method, await request.read()))
        if request.match_info["what"] == "away":
            return web.Response(status=302, headers={"Location": "http://169.254.169.254/"})
        body = "x" * 5000 if request.match_info["what"] == "large" else '{"n": 1}'
        return web.Response(text=body, content_type="application/json")


class Platform:
    harness: ServiceHarness
    designer: HttpClient
    outside: Outside
    digital: DigitalForTests
    settings: list[dict[str, object]]
    engagement: HttpServer


@pytest.fixture
async def platform(valkey_url: str, postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Platform]:
    await migrate(postgres_dsn, ["designer"])
    running = Platform()
    running.outside = Outside()
    await running.outside.start()
    running.digital = DigitalForTests()
    await running.digital.start()
    env = {
        "RINGBACK_DESIGNER_FETCH_ALLOW": running.outside.url,
        "RINGBACK_DESIGNER_FETCH_MAX_BYTES": "1000",
        "RINGBACK_DESIGNER_DIGITAL_CHANNELS": running.digital.url,
        "RINGBACK_DESIGNER_PUBLISH_RETRY_S": "0.05",
    }
    host = private_host()
    running.harness = ServiceHarness(
        "designer", valkey_url=valkey_url, postgres_dsn=postgres_dsn, host=host, data=str(tmp_path), env=env
    )
    async with running.harness:
        running.settings = []
        running.engagement = HttpServer(Context(running.harness.process, "engagement"))

        async def take(request: HttpRequest) -> dict[str, bool]:
            running.settings.append(request.decode(dict[str, object]))
            return {"ok": True}

        running.engagement.route("POST", "/internal/settings/{tenant}", take)
        running.designer = HttpClient(running.harness.context(), "designer")
        yield running
        await running.engagement.stop()
    assert running.outside.runner is not None
    await running.outside.runner.cleanup()
    await running.digital.stop()


async def status_of(awaitable: object) -> int:
    with pytest.raises(HttpFailure) as caught:
        await awaitable  # type: ignore[misc]
    return caught.value.status


async def test_the_shipped_applications_are_served_with_an_entity_tag(platform: Platform) -> None:
    assert {"inbound", "callback", "closed", "direct", "menu"} <= SHIPPED.keys()
    assert await platform.designer.get("/apps/demo") == dict.fromkeys((*SHIPPED, *DIALOGS), "shipped")
    first = await platform.designer.request("GET", "/apps/demo/inbound.scxml")
    assert b"<scxml" in first.body
    again = await platform.designer.request(
        "GET", "/apps/demo/inbound.scxml", headers={"If-None-Match": first.headers["ETag"]}
    )
    assert (again.status, again.body) == (304, b"")


async def test_a_tenants_own_application_stands_before_the_shipped_one(platform: Platform) -> None:
    shipped = (await platform.designer.request("GET", "/apps/demo/inbound.scxml")).body
    await platform.designer.request("PUT", "/apps/demo/inbound.scxml", APP)
    assert (await platform.designer.request("GET", "/apps/demo/inbound.scxml")).body == APP
    await platform.designer.request("DELETE", "/apps/demo/inbound.scxml")
    assert (await platform.designer.request("GET", "/apps/demo/inbound.scxml")).body == shipped


async def test_a_dialog_in_voicexml_is_kept_and_served_by_its_ending(platform: Platform) -> None:
    path = "/apps/demo/after-hours.vxml"
    shipped = await platform.designer.request("GET", path)
    assert shipped.body.decode() == DIALOGS["after-hours.vxml"]
    assert shipped.headers["Content-Type"].startswith("application/voicexml+xml")
    own = b'<vxml xmlns="http://www.w3.org/2001/vxml" version="2.1"><form/></vxml>'
    await platform.designer.request("PUT", path, own)
    assert (await platform.designer.request("GET", path)).body == own
    assert await status_of(platform.designer.request("PUT", path, APP)) == 400
    await platform.designer.request("PUT", "/apps/demo/after-hours.vxml/draft", own)
    assert await status_of(platform.designer.request("PUT", "/apps/demo/after-hours.vxml/draft", APP)) == 400
    await platform.designer.request("DELETE", path)
    assert (await platform.designer.request("GET", path)).body == shipped.body


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff\xfe", b"<html/>", b"<!DOCTYPE a []><a/>"])
async def test_what_is_no_application_is_refused(platform: Platform, body: bytes) -> None:
    assert await status_of(platform.designer.request("PUT", "/apps/demo/own.scxml", body)) == 400


@pytest.mark.parametrize(
    "path", ["/apps/demo/none.scxml", "/apps/nobody/inbound.scxml", "/tables/demo/NONE", "/apps/nobody"]
)
async def test_what_there_is_not_is_not_found(platform: Platform, path: str) -> None:
    assert await status_of(platform.designer.get(path)) == 404


async def test_published_settings_reach_engagement(platform: Platform) -> None:
    await platform.engagement.start()
    await platform.designer.request("PUT", "/tables/demo/CALLBACK_SETTINGS", SETTINGS)
    assert platform.settings == []
    done = await platform.designer.post("/tables/demo/CALLBACK_SETTINGS/publish", {})
    assert done == {"version": 1, "delivered": True}
    assert platform.settings == [SETTINGS]


async def test_settings_published_while_engagement_is_away_reach_it_later(platform: Platform) -> None:
    await platform.designer.request("PUT", "/tables/demo/CALLBACK_SETTINGS", SETTINGS)
    reply = await platform.designer.request("POST", "/tables/demo/CALLBACK_SETTINGS/publish", {})
    assert reply.status == 202
    # What is changed after the publication is not part of it.
    await platform.designer.request("PUT", "/tables/demo/CALLBACK_SETTINGS", {"other": {}})
    await platform.engagement.start()
    async with asyncio.timeout(20):
        while not platform.settings:
            await asyncio.sleep(0.02)
    assert platform.settings == [SETTINGS]


async def test_a_table_is_rows_of_columns(platform: Platform) -> None:
    await platform.designer.request("PUT", "/tables/demo/PRICES", {"a": {"price": 1}})
    assert await platform.designer.get("/tables/demo/PRICES") == {"a": {"price": 1}}
    assert await status_of(platform.designer.request("PUT", "/tables/demo/PRICES", [1])) == 400
    assert await status_of(platform.designer.post("/tables/demo/NONE/publish", {})) == 404


async def test_an_allowed_host_is_reached(platform: Platform) -> None:
    request = {"url": f"{platform.outside.url}/x", "method": "post", "body": "hello"}
    reply = await platform.designer.post("/fetch", request)
    assert reply == {"status": 200, "content_type": "application/json", "body": '{"n": 1}'}
    assert platform.outside.seen == [("POST", b"hello")]


def carried(platform: Platform, connection: str) -> float | None:
    labels = {"connection": connection, "direction": "sent"}
    registry = platform.harness.process.connections.registry
    return registry.get_sample_value("ringback_connection_messages_total", labels)


async def test_the_digital_channels_are_reached_by_their_own_name_only(platform: Platform) -> None:
    message = Message("sms", "+12025550191", "hello")
    body = msgspec.json.encode(message).decode()
    request = {"url": "digital:/messages", "method": "POST", "body": body}
    reply = await platform.designer.post("/fetch", request)
    assert (reply["status"], platform.digital.messages) == (202, {"message-1": message})
    assert (carried(platform, "voice-33"), carried(platform, "voice-44")) == (1, None)
    by_address = {**request, "url": f"{platform.digital.url}/messages"}
    assert await status_of(platform.designer.post("/fetch", by_address)) == 403
    for elsewhere in ("digital:@169.254.169.254/", "digital:.example.org/"):
        assert await status_of(platform.designer.post("/fetch", {"url": elsewhere})) == 400
    for elsewhere in ("digital:/@127.0.0.1:1/x", "digital://127.0.0.1:1/x"):
        assert (await platform.designer.post("/fetch", {"url": elsewhere}))["status"] == 404


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("http://169.254.169.254/latest", 403),
        ("http://127.0.0.1:1/", 403),
        ("file:///etc/passwd", 403),
        ("http://user:pw@127.0.0.1/", 403),
        ("http://[", 403),
        ("", 403),
    ],
)
async def test_other_hosts_are_not_reached(platform: Platform, url: str, status: int) -> None:
    assert await status_of(platform.designer.post("/fetch", {"url": url})) == status


async def test_a_redirect_is_not_followed_and_a_large_answer_is_refused(platform: Platform) -> None:
    assert (await platform.designer.post("/fetch", {"url": f"{platform.outside.url}/away"}))["status"] == 302
    assert await status_of(platform.designer.post("/fetch", {"url": f"{platform.outside.url}/large"})) == 502
    assert len(platform.outside.seen) == 2


async def test_a_settings_table_that_engagement_refuses_is_not_sent_for_ever(platform: Platform) -> None:
    tries = 0

    async def refuse(_request: HttpRequest) -> None:
        nonlocal tries
        tries += 1
        raise HttpError(400, "invalid_setting", "no")

    platform.engagement = HttpServer(Context(platform.harness.process, "engagement"))
    platform.engagement.route("POST", "/internal/settings/{tenant}", refuse)
    await platform.engagement.start()
    await platform.designer.request("PUT", "/tables/demo/CALLBACK_SETTINGS", {"bad": {}})
    failed = platform.designer.post("/tables/demo/CALLBACK_SETTINGS/publish", {})
    assert await status_of(failed) == 400
    assert tries == 1


async def test_a_table_as_csv_is_checked_cell_by_cell_and_seen_when_published(platform: Platform) -> None:
    csv = {"Content-Type": "text/csv"}
    wrong = b"row,zone,hours\noffice,Mars,Mon 09:00-17:00\nshop,UTC,always\n"
    with pytest.raises(HttpFailure) as caught:
        await platform.designer.request("PUT", "/tables/demo/BUSINESS_HOURS", wrong, headers=csv)
    assert caught.value.slug == "bad_cells"
    assert "row 'office', column 'zone'" in caught.value.message
    assert "row 'shop', column 'hours'" in caught.value.message
    with pytest.raises(HttpFailure, match="not_csv"):
        await platform.designer.request("PUT", "/tables/demo/BUSINESS_HOURS", b"row\n,\n", headers=csv)
    right = b"row,zone,hours\noffice,UTC,Mon-Fri 09:00-17:00\n"
    await platform.designer.request("PUT", "/tables/demo/BUSINESS_HOURS", right, headers=csv)
    path = "/tables/demo/BUSINESS_HOURS/published"
    assert await status_of(platform.designer.get(path)) == 404
    await platform.designer.post("/tables/demo/BUSINESS_HOURS/publish", {})
    reply = await platform.designer.request("GET", path)
    tag = {"If-None-Match": reply.headers["ETag"]}
    assert (await platform.designer.request("GET", path, headers=tag)).status == 304
    assert await platform.designer.get(path) == {"office": {"zone": "UTC", "hours": "Mon-Fri 09:00-17:00"}}
    text = await platform.designer.request(
        "GET", "/tables/demo/BUSINESS_HOURS", headers={"Accept": "text/csv"}
    )
    assert text.body == right
