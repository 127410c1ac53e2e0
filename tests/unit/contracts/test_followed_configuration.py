"""Numbers at hand while the config service is behind the changes that this process has heard of."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from ringback.contracts.configuration import ConfigChange, ConfigClient
from ringback.contracts.followed_configuration import FollowedConfiguration
from ringback.domain.configuration import Extension
from ringback.runtime.http import HttpFailure

OLD, NEW = Extension(id="1001"), Extension(id="2001")


class Service:
    """The config service and the clock, as the clients see them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.version, self.dns, self.now = 7, {"1001": OLD}, 100.0
        common = SimpleNamespace(tenants=("demo",))
        ctx: Any = SimpleNamespace(common=common, monotonic=lambda: self.now)
        monkeypatch.setattr("ringback.contracts.configuration.HttpClient", lambda *args, **named: self)
        self.client = ConfigClient(ctx, "voice-28", ttl_s=60)
        self.followed = FollowedConfiguration(ctx, http="voice-32", stream="voice-36")

    async def request(self, method: str, path: str, **_: Any) -> Any:
        what = path.removeprefix("/tenants/demo").removeprefix("/dns").removeprefix("/")
        found: Any = list(self.dns.values()) if path.endswith("/dns") else self.dns.get(what)
        if path == "/tenants/demo":
            found = {"id": "demo", "domain": "demo.example"}
        if found is None:
            raise HttpFailure(404, "unknown_object", "")
        return SimpleNamespace(
            status=200, headers={"ETag": f'"{self.version}"'}, body=msgspec.json.encode(found)
        )

    def catches_up(self) -> None:
        self.version, self.dns = 9, {"1001": OLD, "2001": NEW}


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    return Service(monkeypatch)


@pytest.mark.parametrize("before", [False, True])
async def test_a_number_is_never_said_not_to_be_there_because_the_service_was_behind(
    service: Service, before: bool
) -> None:
    """All numbers are read while a list is brought in: of what is read then nothing is at hand for long."""
    followed = service.followed
    if before:
        await followed.look("demo")
        followed.changed("demo", ConfigChange("dns", "1001", 8))
        followed._changed["demo"] |= {str(number): 8 for number in range(5000, 6000)}
    else:
        followed.changed("demo", ConfigChange("dns", "2000", 8))
    followed.changed("demo", ConfigChange("dns", "2001", 9))
    service.version = 8
    await followed.look("demo")
    service.now += 1.0
    assert followed.dn_at_hand("demo", "1001") in ((False, None), (True, OLD))
    assert await followed.dn("demo", "1001") == OLD
    service.catches_up()
    await followed.look("demo")
    service.now += 1.0
    assert followed.dn_at_hand("demo", "1001") == (True, OLD)
    assert followed.dn_at_hand("demo", "2001") == (True, NEW)
    assert followed.dn_at_hand("demo", "4711") == (True, None)


async def test_what_was_not_there_while_changes_came_is_asked_for_again_soon(service: Service) -> None:
    """The service may hear of a new number after us: then that there is none is no news for seconds."""
    client = service.client
    client.changed("demo", ConfigChange("dns", "2001", 9))
    assert await client.dn("demo", "2001") is None
    service.catches_up()
    service.now += 0.1
    assert await client.dn("demo", "2001") == NEW


async def test_what_is_not_there_while_nothing_changes_is_not_asked_for_again_soon(service: Service) -> None:
    client = service.client
    client.changed("demo", ConfigChange("dns", "1001", 7))
    service.now += 3.0
    assert await client.dn("demo", "2001") is None
    service.catches_up()
    service.now += 0.1
    assert await client.dn("demo", "2001") is None
    service.now += 2.0
    assert await client.dn("demo", "2001") == NEW
