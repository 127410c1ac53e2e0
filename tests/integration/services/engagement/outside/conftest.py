"""Engagement with doubles of the services outside."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from ringback.runtime.http import HttpClient
from ringback.testing.google_server import GoogleForTests
from ringback.testing.hook_server import HookForTests


def hurry(world: Any, **seconds: float) -> None:
    """Have the running service wait less, or more: only silence is not to be waited for long."""
    outside = world.harness["engagement"]._outside
    for name, value in seconds.items():
        msgspec.structs.force_setattr(outside._captcha._settings, name, value)
    outside._statistics._timeout_s = outside._captcha._settings.statistics_timeout_s


class Keeper:
    """The operator who keeps a tenant's credentials."""

    def __init__(self, world: Any) -> None:
        self._client = HttpClient(world.context, "engagement")

    async def put(self, kind: str, name: str, body: object, tenant: str = "demo") -> None:
        data = msgspec.json.encode(body)
        await self._client.request("PUT", f"/internal/credentials/{tenant}/{kind}/{name}", data)

    async def delete(self, kind: str, name: str) -> None:
        await self._client.request("DELETE", f"/internal/credentials/demo/{kind}/{name}")

    async def shown(self, kind: str) -> dict[str, Any]:
        found: dict[str, Any] = await self._client.get(f"/internal/credentials/demo/{kind}")
        return found


@pytest.fixture
async def google() -> AsyncIterator[GoogleForTests]:
    """Google, near by."""
    running = GoogleForTests()
    await running.start()
    yield running
    await running.stop()
    assert running.violations == []


@pytest.fixture
def engagement_env(google: GoogleForTests) -> dict[str, str]:
    """Engagement finds Google at its double."""
    return {
        "RINGBACK_ENGAGEMENT_CAPTCHA_URL": google.verify_url,
        "RINGBACK_ENGAGEMENT_CAPTCHA_TIMEOUT_S": "20",
        "RINGBACK_ENGAGEMENT_FCM_URL": google.base,
        "RINGBACK_ENGAGEMENT_PUSH_LOOK_S": "0.05",
        "RINGBACK_ENGAGEMENT_PUSH_RETRY_S": "0.1",
        "RINGBACK_ENGAGEMENT_PUSH_TRIES": "4",
        "RINGBACK_ENGAGEMENT_PUSH_TIMEOUT_S": "20",
    }


@pytest.fixture
def keeper(world: Any) -> Keeper:
    """An operator of the running platform."""
    return Keeper(world)


@pytest.fixture
async def hook() -> AsyncIterator[HookForTests]:
    """A web hook of the tenant's own."""
    running = HookForTests("a-secret-that-is-long-enough")
    await running.start()
    yield running
    await running.stop()
    assert running.violations == []
