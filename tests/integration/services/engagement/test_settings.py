"""Settings published by the designer."""

import asyncio
from typing import Any

import pytest

from ringback.runtime.http import HttpClient, HttpFailure


async def publish(world: Any, table: object) -> None:
    await HttpClient(world.context, "engagement", connection="ges-14").post("/internal/settings/demo", table)


async def test_a_published_service_takes_callbacks_by_its_settings(world: Any) -> None:
    properties = {
        "_vq": "VQ_New",
        "_target": "?:New>=1",
        "_route_point": "8010",
        "_ttl": "60",
        "_scheduled_enabled": "false",
    }
    await publish(world, {"new": properties})
    entry = await world.entry(await world.book(serviceName="new"))
    assert (entry["service"], entry["target"], entry["route_point"]) == ("VQ_New", "?:New>=1", "8010")
    body = {"serviceName": "new", "phoneNumber": "+12025550123", "desiredTime": "2026-01-01T00:00:00Z"}
    status, envelope = await world.api("POST", "callbacks/create", body)
    assert (status, envelope["status"]["code"]) == (400, 40010)


async def test_a_table_with_one_wrong_cell_changes_nothing_and_names_the_cell(world: Any) -> None:
    with pytest.raises(HttpFailure, match=r"sales.*_max_dial_attempts") as refused:
        await publish(world, {"fine": {"_route_point": "8010"}, "sales": {"_max_dial_attempts": "none"}})
    assert refused.value.status == 400
    rows = await world.query("SELECT service FROM engagement.service_settings ORDER BY service")
    assert [row["service"] for row in rows] == ["closed", "never", "sales"]


async def test_a_service_without_a_route_point_is_refused_by_the_name_of_the_cell(world: Any) -> None:
    with pytest.raises(HttpFailure, match=r"new.*_route_point") as refused:
        await publish(world, {"new": {"_ttl": "60"}})
    assert refused.value.status == 400


async def test_a_service_kept_without_a_route_point_takes_callbacks_that_name_one(world: Any) -> None:
    await world.query("UPDATE engagement.service_settings SET properties = '{}' WHERE service = 'sales'")
    await publish(world, {})  # forgets what is remembered
    body = {"serviceName": "sales", "phoneNumber": "+12025550123"}
    status, envelope = await world.api("POST", "callbacks/create", body)
    assert (status, envelope["status"]["message"]) == (400, "this service has no route point that dials out")
    entry = await world.entry(await world.book(serviceName="sales", routePoint="8011"))
    assert entry["route_point"] == "8011"


async def test_publishing_again_counts_the_version_up(world: Any) -> None:
    await publish(world, {"sales": {"_ttl": "60", "_route_point": "8010"}})
    [row] = await world.query("SELECT version FROM engagement.service_settings WHERE service = 'sales'")
    assert row["version"] == 2


async def test_settings_are_published_by_the_platforms_own_services_only(world: Any) -> None:
    async with world.context.http_session().post(f"{world.base}/internal/settings/demo", json={}) as reply:
        assert reply.status == 401


async def test_of_many_who_ask_at_once_one_reads_the_settings(world: Any) -> None:
    service = world.harness["engagement"]
    catalogue, read = service._http._publication._catalogue, []
    before = catalogue._read

    async def counted(*arguments: Any) -> Any:
        read.append(arguments)
        return await before(*arguments)

    catalogue._known.clear()
    catalogue._read = counted
    offers = await asyncio.gather(*(catalogue.offer("demo", "sales") for _ in range(50)))
    assert len(read) == 1
    assert offers[0] is not None
    assert all(offer is offers[0] for offer in offers)
