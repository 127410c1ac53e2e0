"""Secrets and user data, planted in every input, come out nowhere: logs, refusals, metrics, reports."""

import io
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
import structlog

from ringback.runtime.http import HttpClient, HttpFailure
from ringback.runtime.logs import configure_logs
from ringback.testing.google_server import CaptchaToken, GoogleForTests
from ringback.testing.hook_server import HookForTests

from .conftest import until

P = "planted"
NUMBER, CALLER = "+12025550177", "+12025550166"
DIGITS = ("2025550177", "2025550166")
HOOK_SECRET = f"{P}-hook-secret-long-enough"


@pytest.fixture
def logs() -> Iterator[io.StringIO]:
    """Everything that is logged, as it is in production, from debug on."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logging.getLogger().addHandler(handler)
    configure_logs("debug", stream)
    yield stream
    logging.getLogger().removeHandler(handler)
    structlog.reset_defaults()


@pytest.fixture
def engagement_env(logs: io.StringIO) -> dict[str, str]:
    """Asked for before the service starts, so that nothing is logged elsewhere."""
    return {"RINGBACK_ENGAGEMENT_PUSH_LOOK_S": "0.05", "RINGBACK_ENGAGEMENT_PUSH_RETRY_S": "0.1"}


class Planter:
    """Sends things and keeps the refusals."""

    def __init__(self, world: Any) -> None:
        self.world = world
        self.refusals: list[bytes] = []
        self.inside = HttpClient(world.context, "engagement")

    async def api(self, method: str, path: str, body: object = None, key: str | None = None) -> Any:
        session, world = self.world.context.http_session(), self.world
        data = body if isinstance(body, bytes) else None if body is None else msgspec.json.encode(body)
        headers = {"x-api-key": world.key if key is None else key}
        url = f"{world.base}/engagement/v3/{path}"
        async with session.request(method, url, data=data, headers=headers) as reply:
            text = await reply.read()
        if reply.status == 200:
            return msgspec.json.decode(text)["data"]
        self.refusals.append(text)
        return None

    async def within(self, method: str, path: str, body: object) -> Any:
        try:
            reply = await self.inside.request(method, path, msgspec.json.encode(body))
            return msgspec.json.decode(reply.body) if reply.body else None
        except HttpFailure as failure:
            self.refusals.append(str(failure).encode())
            return None

    async def page(self, method: str, path: str, form: str = "") -> int:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        session, url = self.world.context.http_session(), self.world.base + path
        async with session.request(method, url, data=form.encode(), headers=headers) as reply:
            text = await reply.read()
        self.refusals.append(text)
        return int(reply.status)


def create(**more: object) -> dict[str, object]:
    return {
        "serviceName": "sales",
        "phoneNumber": NUMBER,
        "userData": {"card": f"{P}-card", "nested": {"list": [f"{P}-deep", "\0"]}, f"{P} key": 1},
        "captchaToken": f"{P}-person",
        "pushTargets": [{"channel": "hook", "target": f"{P}-device"}],
        **more,
    }


async def plant_creates(planter: Planter) -> str:
    """One create that is taken, and many that are not; the id of the callback."""
    made = await planter.api("POST", "callbacks/create", create())
    for wrong in (
        {"phoneNumber": f"{P}-number"},
        {"phoneNumber": NUMBER + "0000000"},
        {"phoneNumber": f"{NUMBER};ext=12345"},
        {"phoneNumber": [NUMBER]},
        {"userData": f"{P}-no-object"},
        {"userData": {"a": f"{P}"}, "desiredTime": f"{P}-time"},
        {"desiredTime": "2020-01-01T00:00:00Z"},
        {"captchaToken": f"{P}-wrong"},
        {"captchaToken": {"x": f"{P}"}},
        {"pushTargets": [{"channel": f"{P}\0", "target": f"{P}"}]},
        {"pushTargets": f"{P}"},
        {"timezone": f"{P}/zone"[:60]},
        {"serviceName": f"{P}-service"},
        {"language": {"x": f"{P}"}},
        {"priority": f"{P}"},
    ):
        assert await planter.api("POST", "callbacks/create", create(**wrong)) is None, wrong
    await planter.api("POST", "callbacks/create", b'{"userData": {"a": "planted-half')
    await planter.api("POST", "callbacks/create", create(), key=f"{P}-key")
    await planter.api("POST", "callbacks/retrieve", {"id": f"{P}-id"})
    await planter.api("GET", f"callbacks/open-for/sales?start={P}-start&timezone={P}")
    return str(made["id"])


async def plant_credentials(planter: Planter, google: GoogleForTests, hook: HookForTests) -> None:
    path = "/internal/credentials/demo"
    keys = {"type": "V2_VISIBLE", "site_key": "site", "secret_key": f"{P}-captcha-secret"}
    await planter.within("PUT", f"{path}/captcha/site", {**keys, "verify_url": google.verify_url})
    await planter.within("PUT", f"{path}/push/hook", {"type": "http", "url": hook.url, "secret": HOOK_SECRET})
    await planter.within("PUT", f"{path}/statistics/main", {"username": f"{P}-user", "password": f"{P}-pw"})
    for kind, wrong in (
        ("captcha", {**keys, "secret_key": [f"{P}"]}),
        ("push", {"type": "http", "url": f"ftp://{P}@host", "secret": f"{P}-secret-long-enough"}),
        ("push", {"type": "service_account", "project_id": "p", "client_email": "c", "private_key": P}),
        ("statistics", {"username": f"{P}", "password": {f"{P}": 1}}),
    ):
        assert await planter.within("PUT", f"{path}/{kind}/wrong", wrong) is None


async def plant_calls(planter: Planter) -> None:
    group = {"numbers": ["+12025550111"], "code_length": 6, "wrong_by_caller": 2}
    await planter.within("PUT", "/internal/call-in-groups/demo/codes", group)
    asked = {"groupName": "codes", "fromPhoneNumber": CALLER, "userData": {"note": f"{P}-note"}}
    made = await planter.api("POST", "call-in/requests/create", asked)
    await planter.api("POST", "call-in/requests/create", {**asked, "fromPhoneNumber": f"{P}-caller"})
    await planter.api("POST", "call-in/requests/create", {**asked, "groupName": f"{P}-group"})
    match = "/internal/call-ins/demo/match"
    call = {"to": made["toPhoneNumber"], "from_number": CALLER}
    for code in ("111111", "222222", "333333", f"{P}"):
        await planter.within("POST", match, {**call, "code": code})
    found = await planter.within(
        "POST", match, {"to": made["toPhoneNumber"], "code": str(made["accessCode"]), "call_id": f"{P}-call"}
    )
    assert found["matched"] is True
    await planter.within("POST", "/internal/callbacks/demo/waiting", {"number": CALLER, "service": f"{P}"})


async def plant_the_rest(planter: Planter, callback: str) -> str:
    """Push, captcha, settings and the customer's page; the word of the page's link."""
    event = msgspec.json.encode({"title": f"{P}-title"}).decode()
    notice = {"channel": "hook", "target": f"{P}-device", "event": event}
    assert await planter.api("POST", "notification/publish", notice)
    await planter.api("POST", "notification/publish", {**notice, "event": f"{P}"})
    await planter.api("POST", "notification/publish", {**notice, "channel": f"{P}"})
    await planter.api("POST", "notification/confirm", {"receipt": f"{P}-receipt"}, key="")
    await planter.api("POST", "captcha/verify", {"siteKey": "site", "captchaToken": f"{P}-token"})
    await planter.api("POST", "captcha/verify", {"siteKey": f"{P}-site", "captchaToken": f"{P}-token"})
    link = await planter.api("POST", "callbacks/link", {"id": callback})
    path = urlsplit(link["url"]).path
    assert await planter.page("GET", f"{path}?lang={P}&done={P}") == 200
    assert await planter.page("POST", f"{path}/move", f"slot={P}-slot") == 400
    assert await planter.page("GET", f"/c/{P}-link") == 404
    assert await planter.page("POST", f"{path}/cancel") in (200, 303)
    return path.rpartition("/")[2]


async def test_what_is_planted_in_every_input_comes_out_nowhere(world: Any, logs: io.StringIO) -> None:
    google, hook, planter = GoogleForTests(), HookForTests(HOOK_SECRET), Planter(world)
    google.secret_keys.add(f"{P}-captcha-secret")
    google.captcha[f"{P}-person"] = CaptchaToken(f"{P}-captcha-secret")
    await google.start()
    await hook.start()
    try:
        await world.publish({"sales": {"_push_notification_threshold": "5"}})
        await plant_credentials(planter, google, hook)
        callback = await plant_creates(planter)
        world.peers.waits[f"cb-{callback}-1@sales"] = {"pos": 1, "ewt": 10}

        async def told() -> bool:
            return bool(hook.taken)

        await until(told)
        await world.step(callback, 1, "ROUTING")
        await world.step(callback, 2, "FAILED", reason=f"{P}-reason"[:40], dial_result="BUSY")
        await plant_calls(planter)
        word = await plant_the_rest(planter, callback)
    finally:
        await google.stop()
        await hook.stop()
    async with world.context.http_session().get(f"{world.base}/metrics") as reply:
        metrics = await reply.text()
    reports = await world.harness.process.valkey.call("XRANGE", "ringback:outbox:kafka", "-", "+")
    said = {"logs": logs.getvalue(), "metrics": metrics, "reports": repr(reports)}
    said["refusals"] = b"\n".join(planter.refusals).decode()
    assert "callback_created" in said["logs"], "there are logs to look into"
    assert len(planter.refusals) > 25
    for where, text in said.items():
        for secret in (P, *DIGITS, world.key, hook.secret, *google.bearers, word):
            allowed = where == "refusals" and secret == word  # the customer's own page links to itself
            found = text.find(secret)
            assert allowed or found < 0, f"{where}: {text[max(0, found - 300) : found + 100]}"
