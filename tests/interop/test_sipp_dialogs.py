"""Dialogs with sipp at both ends, by scenarios of our own (`sipp/*.xml`): what may be done to a call.

sip_proxy, sip_cluster, dialplan and config are real and started once; the caller is a trunk, the called
parties are bindings of telephones. sipp is a Debian package (sip-tester).
"""

import asyncio
import contextlib
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from ringback.contracts.sip import Binding, bindings_key
from ringback.domain.configuration import Configuration, Extension, Gateway, Tenant, Trunk
from ringback.runtime.valkey import Commands
from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import ValkeyForTests, run_host

from .conftest import no_calls, signalling

SIPP = shutil.which("sipp")
pytestmark = [
    pytest.mark.skipif(SIPP is None, reason="sipp is not installed (Debian: sip-tester)"),
    pytest.mark.timeout(150),
]
SCENARIOS = Path(__file__).with_name("sipp")
HOST, CARRIER, PHONES = run_host(91), run_host(92), run_host(93)
TIMER_F_S = 32
"""For so long a request is repeated (RFC 3261 17.1.2.2): where messages are lost nothing is over before."""
LIMIT_S = 60.0
CONFIGURATION = Configuration(
    tenant=Tenant(id="demo", domain="demo.example"),
    dns=(
        *(Extension(id=dn) for dn in ("1001", "1002")),
        Trunk(
            id="carrier", addresses=(f"{CARRIER}/32",), gateways=(Gateway(CARRIER, 5071),), numbers=("+!",)
        ),
    ),
)


@dataclass(frozen=True)
class Case:
    """A caller's scenario, and that of each binding: (DN, scenario)."""

    caller: str
    phones: tuple[tuple[str, str], ...] = (("1001", "uas"),)
    options: tuple[str, ...] = ()
    calls: int = 1


CASES = {
    "an ordinary call": Case("uac"),
    "481 to a strange re-INVITE": Case("strange_reinvite"),
    "double BYE": Case("double_bye"),
    "late CANCEL against 200": Case("late_cancel"),
    "200 against CANCEL": Case("cancel", (("1001", "uas_answers_cancelled"),)),
    "wrong CSeq": Case("wrong_cseq"),
    "retransmissions with loss": Case("uac", options=("-lost", "10", "-r", "4"), calls=4),
    "491 glare": Case("glare", (("1001", "uas_glare"),)),
    "3xx redirection": Case("uac", (("1001", "uas_moved"), ("1002", "uas"))),
    "forked answers": Case("uac", (("1001", "uas"), ("1001", "uas_answers_cancelled"))),
    "early media": Case("early_media", (("1001", "uas_early_media"),)),
    "offerless INVITE": Case("offerless", (("1001", "uas_offerless"),)),
    "100rel": Case("reliable", (("1001", "uas_reliable"),)),
    "UPDATE before the answer": Case("update", (("1001", "uas_update"),)),
    "BYE in an early dialog": Case("early_bye", (("1001", "uas_cancelled"),)),
    "session timer": Case("timer"),
}


@pytest.fixture(scope="module")
async def platform(valkey: ValkeyForTests) -> AsyncIterator[ServiceHarness]:
    """The services between the two ends."""
    async with signalling(valkey, HOST, CONFIGURATION) as harness:
        yield harness


async def bind(valkey: Commands, case: Case) -> None:
    """The bindings of the telephones: one port each."""
    for dn in ("1001", "1002"):
        await valkey.call("DEL", bindings_key("demo", dn))
    for place, (dn, _) in enumerate(case.phones):
        contact = f"sip:{dn}@{PHONES}:{5081 + place}"
        row = msgspec.json.encode(Binding(contact=contact, expires_at=4e9))
        await valkey.call("HSET", bindings_key("demo", dn), str(place), row)


@contextlib.asynccontextmanager
async def sipp(
    folder: Path, scenario: str, host: str, port: int, *more: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """One sipp, which ends by itself when its calls have, or by us."""
    options = (
        "-sf",
        str(SCENARIOS / f"{scenario}.xml"),
        "-i",
        host,
        "-p",
        str(port),
        "-mi",
        host,
        "-nostdin",
    )
    ends = (
        "-recv_timeout",
        str(TIMER_F_S * 1000),
        "-timeout",
        f"{TIMER_F_S + 10}s",
        "-timeout_error",
        "-trace_err",
        "-trace_msg",
    )
    names = ("-error_file", str(folder / f"{scenario}-{port}.log"))
    names += ("-message_file", str(folder / f"{scenario}-{port}.msg"))
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        str(SIPP), *options, *ends, *names, *more, stdout=pipe, stderr=pipe, cwd=folder
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


async def ended(child: asyncio.subprocess.Process, folder: Path, name: str) -> None:
    """Its calls went as the scenario says."""
    out, _ = await asyncio.wait_for(child.communicate(), LIMIT_S)
    assert child.returncode == 0, f"{name}: {_told(folder) or out.decode(errors='replace')[-2000:]}"


_SHOWN = re.compile(
    r"^(-{20,} .*|UDP message .*|SIP/2\.0 .*|[A-Z]+ sip:.*|(?:Call-ID|CSeq): .*)$", re.MULTILINE
)


def _told(folder: Path) -> str:
    """What the two ends have complained of, and what they have sent and received."""
    errors = [path.read_text(errors="replace")[:3000] for path in folder.glob("*.log")]
    messages = ["\n".join(_SHOWN.findall(path.read_text(errors="replace"))) for path in folder.glob("*.msg")]
    return "\n".join([*errors, *messages])


@pytest.mark.parametrize("name", list(CASES))
async def test_sipp_scenario(name: str, platform: ServiceHarness, tmp_path: Path) -> None:
    case = CASES[name]
    await bind(platform.process.valkey, case)
    calls = ("-m", str(case.calls))
    async with contextlib.AsyncExitStack() as stack:
        phones = [
            await stack.enter_async_context(sipp(tmp_path, scenario, PHONES, 5081 + place, *calls))
            for place, (_, scenario) in enumerate(case.phones)
        ]
        caller = await stack.enter_async_context(
            sipp(tmp_path, case.caller, CARRIER, 5071, "-s", "1001", *calls, *case.options, f"{HOST}:5060")
        )
        await ended(caller, tmp_path, case.caller)
        for child, (_, scenario) in zip(phones, case.phones, strict=True):
            await ended(child, tmp_path, scenario)
    await no_calls(platform)
