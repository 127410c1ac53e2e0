"""Calls through sip_proxy and sip_cluster, and what one costs, beside sippy's back-to-back user agent.

`make bench-sip`. The same load generator drives both in the same run: INVITE with SDP, 180, 200, ACK, BYE
over UDP on loopback. sippy comes from PyPI into an environment of its own (`var/bench/venv`), for this only.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator

from stand import ROOT, Stand, cpu_seconds, load, report

from ringback.testing.demo_tenant import DOMAIN
from ringback.testing.phone import Phone

CALLS = 1000
RATES = (50, 100)
CUSTOMER = "2001"
UAS_PORT, SIPPY_PORT = 15081, 15082
PEER_VENV = ROOT / "var" / "bench" / "venv"
PEER = PEER_VENV / "bin" / "b2bua_simple"


async def register(stand: Stand, edge: tuple[str, int]) -> None:
    """Register the port at which the load generator's answering side will listen."""
    phone = Phone(CUSTOMER, stand.secrets.sip[CUSTOMER], proxy=edge, domain=DOMAIN, port=UAS_PORT)
    await phone.start()
    await phone.register()
    phone.registered = False  # the binding stays when the phone goes
    await phone.close()


def install_peer() -> None:
    """Install sippy where only this benchmark sees it."""
    if PEER.exists():
        return
    print("Installing sippy for the comparison …")
    subprocess.run([sys.executable, "-m", "venv", str(PEER_VENV)], check=True)
    subprocess.run([str(PEER_VENV / "bin" / "pip"), "install", "--quiet", "sippy"], check=True)


@contextlib.asynccontextmanager
async def running(*command: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that lives as long as the block."""
    env = {**os.environ, "SIPLOG_BEND": "none", "SIPLOG_LVL": "CRIT", "SIPLOG_LOGFILE_FILE": os.devnull}
    out = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, stdout=out, stderr=out, env=env)
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


def answering() -> contextlib.AbstractAsyncContextManager[asyncio.subprocess.Process]:
    """The answering side of the load generator."""
    return running(sys.executable, str(ROOT / "tests" / "bench" / "sipload.py"), "uas", str(UAS_PORT))


async def measure_ours(rate: int) -> list[tuple[str, float, float, float, float]]:
    """Rows: process, calls per second, failed, setup p50, CPU ms per call."""
    async with Stand([["sip_proxy"], ["sip_cluster"]]) as stand:
        edge = stand.context().address("sip_proxy", "edge")
        await register(stand, edge)
        target = f"{edge[0]}:{edge[1]}"
        async with answering():
            await load("uac", target, CUSTOMER, "100", str(rate))
            before = stand.cpu()
            result = await load("uac", target, CUSTOMER, str(CALLS), str(rate))
            await asyncio.sleep(1)
            after = stand.cpu()
        if result["failed"]:
            print(f"{result['failed']} calls failed, the first: {result['first_failure']}")
    return [
        (
            name,
            result["calls"] / result["seconds"],
            result["failed"],
            result["setup_p50_ms"],
            (after[name] - before[name]) / CALLS * 1000,
        )
        for name in after
    ]


async def measure_peer(rate: int) -> tuple[str, float, float, float, float]:
    """The same figures for sippy, its logging off."""
    command = (str(PEER), "-f", "-l", "127.0.0.1", "-p", str(SIPPY_PORT), "-n", f"127.0.0.1:{UAS_PORT}")
    async with answering(), running(*command) as sippy:
        await asyncio.sleep(2)
        target = f"127.0.0.1:{SIPPY_PORT}"
        await load("uac", target, CUSTOMER, "100", str(rate))
        before = cpu_seconds(sippy.pid)
        result = await load("uac", target, CUSTOMER, str(CALLS), str(rate))
        used = cpu_seconds(sippy.pid) - before
    return (
        "sippy b2bua",
        result["calls"] / result["seconds"],
        result["failed"],
        result["setup_p50_ms"],
        used / CALLS * 1000,
    )


async def main() -> None:
    """Run all and print one table."""
    install_peer()
    rows, figures = [], []
    for rate in RATES:
        ours, peer = await measure_ours(rate), await measure_peer(rate)
        rows += [(f"{rate}/s {row[0]}", *row[1:]) for row in (*ours, peer)]
        figures += [
            {
                "metric": f"CPU ms per call at {rate}/s, {name}",
                "value": values[-1],
                "unit": "ms",
                "peer": "sippy b2bua",
                "peer_value": peer[-1],
            }
            for name, *values in ours
        ]
    columns = ("offered, process", "calls/s done", "failed", "setup p50 ms", "CPU ms per call")
    report("sip", "Inbound calls, whole (INVITE to BYE)", columns, rows, figures)


if __name__ == "__main__":
    asyncio.run(main())
