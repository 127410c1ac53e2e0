"""What engagement asks of others outside, driven against doubles of them that the check starts itself."""

from __future__ import annotations

from typing import Any

import msgspec

from ringback.runtime.http import HttpClient
from ringback.testing.check_report import Steps, expect
from ringback.testing.check_world import World
from ringback.testing.demo_tenant import CHECK_CUSTOMERS, TENANT
from ringback.testing.google_server import CaptchaToken, GoogleForTests
from ringback.testing.hook_server import HookForTests

_NAME, _HOOK = "check", "check-hook"
_SITE, _SECRET = "check-site", "check-secret"
_HOOK_SECRET = "check-hook-secret"  # noqa: S105 - likewise
_DEVICE = "check-device"


async def outside(world: World, steps: Steps) -> None:
    """Captcha, push and call-in, each once. Raises CheckFailed."""
    steps.journey("Outside")
    google, hook = GoogleForTests(), HookForTests(_HOOK_SECRET)
    await google.start(world.host)
    await hook.start(world.host)
    keeper = HttpClient(world.ctx, "engagement")
    try:
        await _captcha(world, steps, google, keeper)
        await _push(world, steps, google, hook, keeper)
        await _call_in(world, steps, keeper)
        with steps.step("nothing that went out broke a rule"):
            expect(not google.violations + hook.violations, google.violations + hook.violations)
    finally:
        await google.stop()
        await hook.stop()


async def _captcha(world: World, steps: Steps, google: GoogleForTests, keeper: HttpClient) -> None:
    google.secret_keys.add(_SECRET)
    google.captcha["person"] = CaptchaToken(_SECRET)
    keys = {"type": "V2_VISIBLE", "site_key": _SITE, "secret_key": _SECRET, "on_create": False}
    async with _Kept(keeper, "captcha", _NAME, {**keys, "verify_url": google.verify_url}):
        with steps.step("a captcha token passes once"):
            asked = {"siteKey": _SITE, "captchaToken": "person"}
            answers = [await _data(world, "/captcha/verify", asked) for _ in range(2)]
            expect([answer["success"] for answer in answers] == [True, False], answers)


async def _push(
    world: World, steps: Steps, google: GoogleForTests, hook: HookForTests, keeper: HttpClient
) -> None:
    google.devices.add(_DEVICE)
    event = msgspec.json.encode({"title": "Your turn comes near"}).decode()
    asked = {"target": _DEVICE, "event": event}
    async with _Kept(keeper, "push", _NAME, google.service_account()):
        with steps.step("a notification reaches a device through FCM"):
            await _data(world, "/notification/publish", {**asked, "channel": _NAME})
            expect([message["token"] for message in google.messages] == [_DEVICE], google.messages)
    channel = {"type": "http", "url": hook.url, "secret": hook.secret}
    async with _Kept(keeper, "push", _HOOK, channel):
        with steps.step("a signed notice reaches a web hook"):
            await _data(world, "/notification/publish", {**asked, "channel": _HOOK})
            expect([notice["target"] for notice in hook.taken] == [_DEVICE], hook.taken)


async def _call_in(world: World, steps: Steps, keeper: HttpClient) -> None:
    path = f"/internal/call-in-groups/{TENANT}/{_NAME}"
    group = {"numbers": [CHECK_CUSTOMERS[-1]], "code_length": 8, "expiry_s": 60}
    await keeper.request("PUT", path, group)
    try:
        with steps.step("a caller with an access code is recognised"):
            asked = {"groupName": _NAME, "userData": {"order": 7}}
            made = await _data(world, "/call-in/requests/create", asked)
            call = {"to": made["toPhoneNumber"], "code": str(made["accessCode"])}
            found = await keeper.post(f"/internal/call-ins/{TENANT}/match", call)
            expect((found["matched"], found.get("user_data")) == (True, {"order": 7}), found)
    finally:
        await keeper.request("DELETE", path)


async def _data(world: World, path: str, body: object) -> dict[str, Any]:
    status, envelope = await world.api("POST", path, body)
    expect(status == 200, f"{status} {envelope.get('status')}")
    data: dict[str, Any] = envelope["data"]
    return data


class _Kept:
    """Credentials that are there only within the block."""

    def __init__(self, keeper: HttpClient, kind: str, name: str, body: object) -> None:
        self._keeper = keeper
        self._path = f"/internal/credentials/{TENANT}/{kind}/{name}"
        self._body = body

    async def __aenter__(self) -> None:
        await self._keeper.request("PUT", self._path, self._body)

    async def __aexit__(self, *_: object) -> None:
        await self._keeper.request("DELETE", self._path)
