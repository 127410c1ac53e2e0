"""What linphone does inside a dialog: hold, re-INVITE, transfers blind and attended (Debian: linphone-cli).

Three of its phones; sip_proxy, registrar, sip_cluster and media are real.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.scenario.linphone import PROGRAM, Line, Linphone, linphone

from ringback.domain.calls.state import CallData
from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import ValkeyForTests, run_host

from .conftest import no_calls, signalling
from .test_foreign_dialogs import CONFIGURATION, DOMAIN, LIMIT_S, SECRET, Seen, talking

pytestmark = [
    pytest.mark.timeout(150),
    pytest.mark.skipif(PROGRAM is None, reason="linphonec is not installed (Debian: linphone-cli)"),
]
HOST = run_host(96)
PHONES = {"1001": "tcp", "1002": "udp", "1003": "udp"}


@pytest.fixture
async def platform(valkey: ValkeyForTests) -> AsyncIterator[ServiceHarness]:
    async with signalling(valkey, HOST, CONFIGURATION, "registrar", "media") as harness:
        yield harness


@pytest.fixture
async def phones(platform: ServiceHarness, tmp_path: Path) -> AsyncIterator[dict[str, Linphone]]:
    """Three registered phones by their number."""
    async with contextlib.AsyncExitStack() as stack:
        yield {
            dn: await stack.enter_async_context(
                linphone(Line(dn, SECRET, DOMAIN, HOST, transport), tmp_path / dn, 440.0)
            )
            for dn, transport in PHONES.items()
        }


async def calls(caller: Linphone, callee: Linphone, number: str) -> tuple[str, str]:
    """One calls the other, who answers; the call's number at each."""
    await caller.does(f"call sip:{number}@{DOMAIN}")
    own = (await caller.says(r"assigned id (\d+)"))[1]
    theirs = await answers(callee)
    await caller.says("Media streams established")
    return own, theirs


async def answers(phone: Linphone) -> str:
    call = (await phone.says(r"Receiving new incoming call from .*, assigned id (\d+)"))[1]
    await phone.does(f"answer {call}")
    await phone.says("Media streams established")
    return call


async def retrieves_too_early(platform: ServiceHarness, holder: Linphone, held: Linphone) -> None:
    """RFC 3261 14.2, 14.1: linphone takes 491 for a no, so its offer waits while the other is being moved."""
    with held.asleep():
        await holder.does("pause")
        await holder.says("is now paused")
        await comes(lambda: any(leg.joining for leg in the_call(platform).legs.values()))
        await holder.does("resume")
        await comes(lambda: bool(the_call(platform).put_off))
    await holder.says("Media streams established")


def the_call(platform: ServiceHarness) -> CallData:
    """The state of the one call."""
    service: Any = platform["sip_cluster"]
    (live,) = service._driver.calls.values()
    data: CallData = live.call.data
    return data


async def comes(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not condition():
            await asyncio.sleep(0.02)


async def test_linphone_holds_and_transfers(platform: ServiceHarness, phones: dict[str, Linphone]) -> None:
    """RFC 3264 8.4, RFC 3515, RFC 3891: nothing but its own commands."""
    seen = Seen(platform)
    first, second, third = (phones[dn] for dn in PHONES)
    _, call = await calls(first, second, "1002")
    await retrieves_too_early(platform, first, second)
    assert seen.methods["in INVITE"] == 3
    await second.does(f"transfer {call} sip:1003@{DOMAIN}")
    await answers(third)
    await second.says(r"ended \(.*\)")
    assert seen.methods["in REFER"] == 1
    await talking(platform, "1001", "1003")
    await first.does("terminate")
    await third.says(r"ended \(.*\)")
    await no_calls(platform)

    _, waiting = await calls(first, second, "1002")
    await second.does("pause")
    await second.says("is now paused")
    asking, _ = await calls(second, third, "1003")
    await second.does(f"transfer {waiting} --to-call {asking}")
    await talking(platform, "1001", "1003")
    assert seen.methods["in REFER"] == 2
    await first.does("terminate")
    await no_calls(platform)
