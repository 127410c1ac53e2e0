"""What every service tells of itself and its neighbours, under published names."""

import asyncio
from typing import Any

import pytest

from ringback.runtime.addresses import Addresses
from ringback.runtime.context import Context, Process
from ringback.runtime.http import HttpClient, HttpError, HttpFailure, HttpRequest, HttpServer, HttpUnavailable
from ringback.runtime.link import LinkClient, LinkServer, LinkSession, LinkUnavailable
from ringback.runtime.published import Published


def told(ctx: Context) -> dict[str, float]:
    """Samples by name and labels, as Prometheus writes them."""
    samples = [sample for metric in Published(ctx).collect() for sample in metric.samples]
    return {
        sample.name + "".join(f" {key}={value}" for key, value in sorted(sample.labels.items())): sample.value
        for sample in samples
    }


async def test_the_levels_follow_what_a_service_needs(process: Process) -> None:
    needs = {"rq": True}
    ctx = Context(process, "dialplan", lambda: needs)
    assert told(ctx)["dialplan_health_level"] == 0
    ctx.ready = True
    assert told(ctx)["dialplan_health_level"] == told(ctx)["dialplan_redis_state"] == 2
    needs["rq"] = False
    assert told(ctx)["dialplan_health_level"] == 1


async def test_requests_to_a_neighbour_are_counted_by_answer_and_time(process: Process) -> None:
    process.addresses = Addresses(process.common, {"RINGBACK_CONFIG_PORT": "0"})
    ctx = Context(process, "dialplan")
    status = 204

    async def answer(_request: HttpRequest) -> None:
        if status >= 400:
            raise HttpError(status, "no", "no")

    server = HttpServer(Context(process, "config"))
    server.route("GET", "/thing", answer, public=True)
    await server.start()
    client = HttpClient(ctx, "config", base_url=f"http://{server.address[0]}:{server.address[1]}")
    assert told(ctx)["dialplan_config_node_status"] == 1
    await client.get("/thing")
    for status in (404, 503):
        with pytest.raises(HttpFailure):
            await client.get("/thing")
        assert told(ctx)["dialplan_config_node_status"] == (status == 404)
    await server.stop()
    with pytest.raises(HttpUnavailable):
        await client.request("GET", "/thing")
    found = told(ctx)
    counts = [
        found[f"http_client_response_count status={each} target_service_name=config"] for each in ANSWERS
    ]
    assert counts == [1, 1, 1, 1]
    assert found["http_client_request_duration_seconds_count target_service_name=config"] == 4
    assert found["http_client_request_duration_seconds_bucket le=+Inf target_service_name=config"] == 4


ANSWERS = ("2XX", "4XX", "5XX", "none")


async def test_a_client_of_rq_tells_what_waits_and_what_nobody_answered(process: Process) -> None:
    process.addresses = Addresses(process.common, {"RINGBACK_RQ_LINK_PORT": "0"})
    ctx, asked = Context(process, "orchestration"), asyncio.Event()

    async def silent(_session: LinkSession, _params: dict[str, Any]) -> Any:
        asked.set()
        await asyncio.Event().wait()

    server = LinkServer(Context(process, "rq"), "link")
    server.method("silent", silent)
    await server.start()
    client = LinkClient(ctx, "rq", "link", address=server.address)
    assert told(ctx)["rq_client_state"] == 0
    await client.start()
    await client.wait_connected()
    waiting = asyncio.create_task(client.call("silent", {}, timeout=60.0))
    await asyncio.wait_for(asked.wait(), 20)
    assert (told(ctx)["rq_client_state"], told(ctx)["rq_client_queue_depth"]) == (2, 1)
    with pytest.raises(LinkUnavailable):
        await client.call("silent", {}, timeout=0.1)
    assert (told(ctx)["rq_client_queue_depth"], told(ctx)["rq_client_timeouts_total"]) == (1, 1)
    waiting.cancel()
    await server.stop()
