"""What Debian's baresip does: another version than the wheel's, and another way to drive it."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import ValkeyForTests, run_host

from .baresip_program import PROGRAM as BARESIP
from .baresip_program import program
from .conftest import no_calls, signalling
from .test_foreign_dialogs import CONFIGURATION, DOMAIN, SECRET, Seen, talking
from .typed import Typed

pytestmark = [
    pytest.mark.timeout(150),
    pytest.mark.skipif(BARESIP is None, reason="baresip is not installed (Debian: baresip-core)"),
]
HOST = run_host(97)


@pytest.fixture
async def platform(valkey: ValkeyForTests) -> AsyncIterator[ServiceHarness]:
    """Challenged by MD5 alone: this version gives up where it is offered SHA-256 beside it."""
    only = {f"RINGBACK_{name}_DIGEST_ALGORITHMS": "MD5" for name in ("REGISTRAR", "SIP_PROXY")}
    async with signalling(valkey, HOST, CONFIGURATION, "registrar", "media", **only) as harness:
        yield harness


@pytest.fixture
async def phones(platform: ServiceHarness, tmp_path: Path) -> AsyncIterator[list[Typed]]:
    """1001 over TCP, 1002 and 1003 over UDP."""
    async with contextlib.AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(program(account(dn, transport), tmp_path / dn))
            for dn, transport in (("1001", "tcp"), ("1002", "udp"), ("1003", "udp"))
        ]


def account(dn: str, transport: str) -> str:
    way = f"sip:{HOST}:5060;transport={transport}"
    return f'<sip:{dn}@{DOMAIN}>;auth_pass="{SECRET}";outbound="{way}";regint=60'


async def test_debians_baresip_calls_holds_and_transfers(
    platform: ServiceHarness, phones: list[Typed]
) -> None:
    """RFC 3264 8.4, RFC 3515."""
    seen = Seen(platform)
    first, second, third = phones
    await first.does(f"/dial sip:1002@{DOMAIN}")
    await answers(second)
    await first.says("[Cc]all established")
    await first.does("/hold")
    await seen.wait(2, "in INVITE")
    await first.does("/resume")
    await seen.wait(3, "in INVITE")
    await second.does(f"/transfer sip:1003@{DOMAIN}")
    await answers(third)
    await talking(platform, "1001", "1003")
    assert seen.methods["in REFER"] == 1
    await first.does("/hangup")
    await third.says("session closed|terminated")
    await no_calls(platform)


async def answers(phone: Typed) -> None:
    await phone.says("Incoming call")
    await phone.does("/accept")
    await phone.says("[Cc]all established")
