"""From the name of a trunk to the places that are tried, in their order."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from ringback.domain.configuration import Gateway, Trunk
from ringback.services.sip_proxy import gateways as module
from ringback.services.sip_proxy.gateways import Gateways
from ringback.services.sip_proxy.marks import Side
from ringback.sip import Request, SipUri
from ringback.sip.avoid import Avoided
from ringback.sip.transport import Destination

CARRIER = Trunk(
    id="carrier",
    gateways=(
        Gateway("192.0.2.3", priority=2),
        Gateway("192.0.2.1", priority=1, weight=3),
        Gateway("192.0.2.2", priority=1, weight=1),
    ),
)
BACKUP = Trunk(id="backup", gateways=(Gateway("192.0.2.9"),))


class Core:
    """As much of the proxy as chooses gateways."""

    def __init__(self) -> None:
        self.out: set[str] = set()
        self.settings = SimpleNamespace(attempts=4)
        self.ctx = SimpleNamespace(monotonic=lambda: 0.0)
        self.avoided = Avoided(10.0, 100.0)
        self.hops = SimpleNamespace(find=self._find, avoided=self.avoided)
        self.callers = SimpleNamespace(numbers=self._numbers)
        self.trunks = SimpleNamespace(is_out=self._is_out, digest=lambda tenant, trunk: None)
        self.edge, self.inside = Side("edge", "203.0.113.1", 5060), Side("inside", "10.0.0.1", 5080)

    async def _numbers(self, tenant: str) -> Any:
        return SimpleNamespace(trunks={"carrier": CARRIER, "backup": BACKUP})

    async def _find(self, uri: SipUri) -> list[Destination]:
        return [Destination("udp", uri.host, uri.port or 5060)]

    def _is_out(self, tenant: str, trunk: str, place: Destination) -> bool:
        return place.host in self.out

    def trusts(self, trunk: str) -> bool:
        return True


async def hosts(core: Core, names: str = "carrier") -> list[str]:
    request = Request("OPTIONS", "sip:+15550100@demo.example", [("Call-ID", "c"), ("CSeq", "1 OPTIONS")])
    groups = await Gateways(core).groups("demo", names, "n1", request)  # type: ignore[arg-type]
    return [target.destination.host for group in groups for target in group]


async def test_priorities_come_first_and_weights_share_the_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 2782, RFC 3263 4.3: three of four calls go to the one with three times the weight."""
    core, first = Core(), Counter[str]()
    dice = iter([number / 500 for number in range(500) for _ in range(2)])
    monkeypatch.setattr(module.random, "random", lambda: next(dice))
    for _ in range(500):
        order = await hosts(core)
        assert order[-1] == "192.0.2.3"
        first[order[0]] += 1
    assert 350 < first["192.0.2.1"] < 420
    assert first["192.0.2.1"] + first["192.0.2.2"] == 500


async def test_what_is_out_of_service_or_has_failed_comes_last_also_behind_the_next_trunk() -> None:
    core = Core()
    core.out = {"192.0.2.1", "192.0.2.2"}
    core.avoided.failed(Destination("udp", "192.0.2.3", 5060), 0.0)
    assert (await hosts(core, "carrier,backup"))[:2] == ["192.0.2.9", "192.0.2.3"]
    assert await hosts(core, "nobody") == []
    core.settings.attempts = 2
    assert len(await hosts(core, "carrier,backup")) == 2
