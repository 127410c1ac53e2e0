"""What a call and a REGISTER cost in sip_proxy, sip_cluster and registrar, each alone and all together,
beside Kamailio and sippy.

`make bench-sip`, or `python tests/bench/bench_sip.py PART…` with the parts `proxy`, `cluster`, `register`,
`path`. A call is INVITE with SDP, 180, 200, ACK, BYE, 200 over loopback; the same load generator drives all
in the same run, at fixed rates and as fast as can be with many calls under way. sippy comes from PyPI into an
environment of its own (`var/bench/venv`); without Kamailio its lines are left out.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
from sip_peers import KAMAILIO, install_sippy, kamailio, running, sippy
from sipload import Plan, Result
from stand import ROOT, Stand, family_cpu_seconds, load, report, wakeups

from ringback.contracts.sip import Binding, bindings_key
from ringback.contracts.telephony import ClusterNode
from ringback.runtime.directory import announce
from ringback.testing.demo_tenant import DOMAIN, TENANT
from ringback.testing.phone import Phone
from ringback.testing.servers import private_host

CUSTOMER = "2001"
PEER_HOST, UAS_PORT, PEER_PORT = private_host(), 15081, 15082
UAS = f"127.0.0.1:{UAS_PORT}"
CALLS, WARM = 1500, 300
RATES = (50.0, 100.0)
AS_FAST = 0.0
COLUMNS = (
    "part, offered, process",
    "done/s",
    "failed",
    "repeated",
    "p50 ms",
    "p99 ms",
    "CPU ms",
    "wake-ups",
    "load ms",
)
Meters = dict[str, Callable[[], tuple[float, int]]]
Row = tuple[str, float, int, int, float, float, float, float, float]


def meter(pid: int) -> Callable[[], tuple[float, int]]:
    """CPU seconds and wake-ups of a process and its children so far."""
    return lambda: (family_cpu_seconds(pid), wakeups(pid))


async def measure(label: str, plan: Plan, meters: Meters) -> list[Row]:
    """One warm-up, one run; a row for each process, per call."""
    await load(msgspec.structs.replace(plan, calls=WARM, rate=min(plan.rate, 100.0), outstanding=20))
    before = {name: read() for name, read in meters.items()}
    result = await load(plan)
    await asyncio.sleep(0.5)
    after = {name: read() for name, read in meters.items()}
    if result.failed:
        print(f"{label}: {result.failed} failed, the first: {result.first_failure}")
    return [_row(f"{label} {name}", plan, result, before[name], after[name]) for name in meters]


def _row(name: str, plan: Plan, result: Result, before: tuple[float, int], after: tuple[float, int]) -> Row:
    return (
        name,
        result.calls / result.seconds,
        result.failed,
        result.repeated,
        result.setup_p50_ms,
        result.setup_p99_ms,
        (after[0] - before[0]) / plan.calls * 1000,
        (after[1] - before[1]) / plan.calls,
        result.load_ms,
    )


async def at_each_rate(plan: Plan, meters: Meters) -> list[Row]:
    """The plan at fixed rates, and as fast as can be."""
    rows: list[Row] = []
    for rate in (*RATES, AS_FAST):
        label = f"{rate:.0f}/s" if rate else f"{plan.outstanding} under way"
        calls = CALLS if not rate else int(rate * 10)
        rows += await measure(label, msgspec.structs.replace(plan, rate=rate, calls=calls), meters)
    return rows


async def register(stand: Stand, port: int = UAS_PORT) -> None:
    """Register the port at which the load generator's answering side will listen."""
    edge = stand.context().address("sip_proxy", "edge")
    phone = Phone(CUSTOMER, stand.secrets.sip[CUSTOMER], proxy=edge, domain=DOMAIN, port=port)
    await phone.start()
    await phone.register()
    phone.registered = False  # the binding stays when the phone goes
    await phone.close()


def answering(
    where: str = f"udp:{UAS}",
) -> contextlib.AbstractAsyncContextManager[asyncio.subprocess.Process]:
    """The answering side of the load generator in a process of its own."""
    plan = msgspec.json.encode(Plan(answer=where, calls=0)).decode()
    return running(sys.executable, str(ROOT / "tests" / "bench" / "sipload.py"), plan)


def edge_of(stand: Stand) -> str:
    """Where phones and trunks come in."""
    host, port = stand.context().address("sip_proxy", "edge")
    return f"udp:{host}:{port}"


@contextlib.asynccontextmanager
async def as_node(stand: Stand, host: str, port: int) -> AsyncIterator[None]:
    """The load generator stands in the directory as the only node."""
    entry = ClusterNode(
        node="load", http="http://127.0.0.1:1", sip_host=host, sip_port=port, calls=0, capacity=10**6
    )

    async def keep() -> None:
        while True:
            await announce(stand.context().valkey, "sip_cluster", "load", entry, 6.0)
            await asyncio.sleep(1)

    task = asyncio.create_task(keep())
    await asyncio.sleep(2.5)
    try:
        yield
    finally:
        task.cancel()


async def the_proxy() -> list[Row]:
    """sip_proxy between a trunk (UDP) and a node (TCP), both played; Kamailio between user agents (UDP)."""
    rows: list[Row] = []
    async with Stand([["sip_proxy"]], without=["sip_cluster"]) as stand:
        host, port = stand.host, stand.context().address("sip_cluster", "sip")[1]
        async with as_node(stand, host, port):
            plan = Plan(target=edge_of(stand), answer=f"tcp:{host}:{port}", user=CUSTOMER)
            rows += await at_each_rate(plan, {"sip_proxy": meter(stand.pid("sip_proxy"))})
    if not KAMAILIO:
        print("Kamailio is not installed: no comparison for sip_proxy")
        return rows
    async with kamailio(PEER_HOST, PEER_PORT, UAS, DOMAIN, "secret") as peer:
        plan = Plan(target=f"udp:{PEER_HOST}:{PEER_PORT}", answer=f"udp:{UAS}", user=CUSTOMER)
        return rows + await at_each_rate(plan, {"Kamailio": meter(peer.pid)})


async def bind(stand: Stand) -> None:
    """The customer's phone is registered, as far as the dial plan can see; sip_proxy is played."""
    binding = Binding(contact=f"sip:{CUSTOMER}@{UAS}", expires_at=time.time() + 3600)
    key = bindings_key(TENANT, CUSTOMER)
    await stand.context().valkey.call("HSET", key, "bench", msgspec.json.encode(binding))


def played_proxy(stand: Stand) -> Plan:
    """Calls to sip_cluster as sip_proxy would send and receive them."""
    context = stand.context()
    node, proxy = context.address("sip_cluster", "sip"), context.address("sip_proxy", "inside")
    inside = f"{proxy[0]}:{proxy[1]}"
    return Plan(
        target=f"tcp:{node[0]}:{node[1]}",
        answer=f"tcp:{inside}",
        user=CUSTOMER,
        domain=DOMAIN,
        headers=[
            f"Record-Route: <sip:bench-0@{inside};transport=tcp;lr>",
            f"Record-Route: <sip:bench-0@{proxy[0]}:5060;lr>",
            f"X-Ringback-Tenant: {TENANT}",
            "X-Ringback-Origin: trunk=demo-carrier",
        ],
        record=[f"<sip:bench-0@{proxy[0]}:5060;lr>", f"<sip:bench-0@{inside};transport=tcp;lr>"],
        local=proxy[0],
    )


async def the_cluster() -> list[Row]:
    """sip_cluster between two faces of sip_proxy that are played; sippy between two user agents."""
    rows: list[Row] = []
    async with Stand([["sip_cluster"]], without=["sip_proxy"]) as stand:
        await bind(stand)
        plan = played_proxy(stand)
        names = {"sip_cluster": stand.pid("sip_cluster"), "all other services": stand.pid("the rest")}
        names["Valkey"] = stand.valkey.pid
        rows += await at_each_rate(plan, {name: meter(pid) for name, pid in names.items()})
    async with sippy(PEER_HOST, PEER_PORT, UAS) as peer:
        plan = Plan(target=f"udp:{PEER_HOST}:{PEER_PORT}", answer=f"udp:{UAS}", user=CUSTOMER)
        return rows + await at_each_rate(plan, {"sippy": meter(peer.pid)})


async def registering() -> list[Row]:
    """REGISTER that answers a challenge: sip_proxy and registrar; Kamailio, which stores in its memory."""
    rows: list[Row] = []
    async with Stand([["sip_proxy"], ["registrar"]]) as stand:
        users = {name: secret for name, secret in stand.secrets.sip.items() if name.startswith(("1", "2"))}
        plan = Plan(target=edge_of(stand), passwords=users, domain=DOMAIN, contacts=4, local="127.0.0.1")
        names = {"sip_proxy": stand.pid("sip_proxy"), "registrar": stand.pid("registrar")}
        names["Valkey"] = stand.valkey.pid
        rows += await at_each_rate(plan, {name: meter(pid) for name, pid in names.items()})
    if not KAMAILIO:
        print("Kamailio is not installed: no comparison for REGISTER")
        return rows
    async with kamailio(PEER_HOST, PEER_PORT, UAS, DOMAIN, "secret") as peer:
        given = dict.fromkeys(users, "secret")
        plan = Plan(target=f"udp:{PEER_HOST}:{PEER_PORT}", passwords=given, domain=DOMAIN, contacts=4)
        return rows + await at_each_rate(plan, {"Kamailio": meter(peer.pid)})


async def the_path() -> list[Row]:
    """A call from a trunk to a phone through all of it, the dial plan asked and every call stored."""
    async with Stand([["sip_proxy"], ["sip_cluster"]]) as stand:
        await register(stand)
        plan = Plan(target=edge_of(stand), answer=f"udp:{UAS}", user=CUSTOMER)
        names = {name: stand.pid(name) for name in ("sip_proxy", "sip_cluster")}
        names |= {"all other services": stand.pid("the rest"), "Valkey": stand.valkey.pid}
        return await at_each_rate(plan, {name: meter(pid) for name, pid in names.items()})


PARTS: dict[str, Callable[[], Awaitable[list[Row]]]] = {
    "proxy": the_proxy,
    "cluster": the_cluster,
    "register": registering,
    "path": the_path,
}


async def main() -> None:
    """Run the parts that are asked for, print one table."""
    install_sippy()
    rows: list[Row] = []
    for part in sys.argv[1:] or list(PARTS):
        rows += [(f"{part} {row[0]}", *row[1:]) for row in await PARTS[part]()]
    figures = [{"metric": f"CPU ms, {row[0]}", "value": row[6], "unit": "ms"} for row in rows]
    report("sip", "INVITE to BYE, and REGISTER: per call", COLUMNS, rows, figures)


if __name__ == "__main__":
    asyncio.run(main())
