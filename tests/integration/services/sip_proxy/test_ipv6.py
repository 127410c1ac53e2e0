"""IPv6 at the edge: a phone that nobody here wrote registers and calls (RFC 5118, RFC 3261 19.1.1)."""

import socket
from typing import Any

import msgspec
import pytest
from tests.integration.services.sip_proxy.test_foreign_agents import SECRET, speak

from ringback.contracts.sip import Binding, bindings_key
from ringback.sip import NameAddr
from ringback.sip.transport import Destination

Stage = Any
LIMIT = 20.0


def has_ipv6() -> bool:
    """True where ::1 can be bound."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


pytestmark = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@pytest.fixture(params=["alone", "second"])
def proxy_settings(request: pytest.FixtureRequest) -> dict[str, str]:
    """::1 is the only address, or the one beside another; all test runs share it, so that ports differ."""
    ports = {f"RINGBACK_SIP_PROXY_{name}PORT": "0" for name in ("", "EDGE_", "INSIDE_")}
    field = "HOST" if request.param == "alone" else "SECOND_HOST"
    return {f"RINGBACK_SIP_PROXY_{field}": "::1", **ports}


async def test_baresip_registers_calls_is_called_and_leaves_over_ipv6(stage: Stage) -> None:
    baresip = pytest.importorskip("baresip", reason="the baresip-python wheel is not installed")
    node = await stage.node("n1")
    node.behaviour = speak
    runtime = baresip.Runtime()
    only = "prefer_ipv6 yes\nnet_af ipv6\n"
    await runtime.start(baresip.Config(net_interface="::1", audio_driver="aumem", extra_config_text=only))
    try:
        place = f"[::1]:{stage.proxy._core.edge.port}"
        account = baresip.Account("1001", "demo.example", SECRET, registrar=place, reg_interval=60)
        agent = await baresip.UserAgent.create(runtime, account)
        await agent.register(timeout=LIMIT)
        (row,) = await stage.harness.process.valkey.call("HVALS", bindings_key("demo", "1001"))
        assert msgspec.json.decode(row, type=Binding).received.startswith("udp:::1:")
        call = await agent.dial("sip:8000@demo.example")
        await call.wait_established(LIMIT)
        _, invite = await node.next("INVITE")
        assert "::1" in {NameAddr.parse(value).uri.host for value in invite.values("Record-Route")}
        await call.hangup()
        await node.next("BYE")
        await agent.unregister(timeout=LIMIT)
    finally:
        await runtime.close()


async def test_rfc3261_18_2_a_phone_over_ipv6_is_called_on_its_flow(stage: Stage) -> None:
    node = await stage.node("n1")
    phone = await stage.part("1001", "::1")
    edge = Destination("udp", "::1", stage.proxy._core.edge.port)
    register = phone.request("REGISTER", "sip:demo.example", "sip:1001@demo.example")
    register.set("To", "<sip:1001@demo.example>")
    register.set("Contact", f"<sip:1001@[::1]:{phone.address[1]}>")
    assert (await stage.as_phone(phone, register, edge)).status == 200
    invite = node.request(
        "INVITE",
        "sip:1001@demo.example",
        "sip:8000@demo.example",
        ("X-Ringback-Tenant", "demo"),
        ("X-Ringback-Target", "dn=1001"),
    )
    inside = Destination("tcp", stage.proxy._core.inside.host, stage.proxy._core.inside.port)
    assert (await node.endpoint.send_request(invite, inside).final(LIMIT)).status == 200
    _, got = await phone.next("INVITE")
    assert (got.uri.host, got.via.host) == ("::1", "::1")
    assert NameAddr.parse(got.values("Record-Route")[0]).uri.host == "::1"
    assert got.contact is not None
    assert got.contact.uri.host == "::1"  # it cannot call the other version (8.1.1.8)
