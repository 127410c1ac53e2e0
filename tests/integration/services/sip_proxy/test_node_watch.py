"""Nodes that hang: their lease holds, their connections are open, and they answer nothing."""

import asyncio
from typing import Any

import pytest

from ringback.sip import Request
from ringback.sip.exchange import ServerTransaction
from ringback.testing.servers import run_host

Stage = Any
HOST, CARRIER_HOST = run_host(62), run_host(50)
LIMIT = 20.0


@pytest.fixture
def proxy_settings() -> dict[str, str]:
    return {"RINGBACK_SIP_PROXY_NODE_OPTIONS_S": "0.2"}


def hang(tx: ServerTransaction, request: Request) -> None:
    """Take everything, say nothing."""


async def test_rfc3261_11_a_node_that_hangs_gets_no_new_calls_until_it_answers(stage: Stage) -> None:
    hung = await stage.node("a-first")
    hung.behaviour = hang
    await stage.node("b-second", calls=500)  # much more to do, but alive
    carrier = await stage.part("carrier", CARRIER_HOST, 5060)
    directory = stage.proxy._core.directory

    async def first(wanted: str) -> None:
        async with asyncio.timeout(LIMIT):
            while directory.cluster_order("", stage.proxy.ctx.monotonic())[0].node != wanted:
                await asyncio.sleep(0.02)

    await first("b-second")
    invite = carrier.request("INVITE", f"sip:8000@{HOST}", "sip:+1@carrier.example")
    assert (await carrier.endpoint.send_request(invite, stage.edge).final(LIMIT)).status == 200
    # What it has is still its own: it may only be slow.
    assert directory.cluster_order("a-first", stage.proxy.ctx.monotonic())[0].node == "a-first"
    hung.behaviour = type(hung)("again").behaviour
    await first("a-first")
