"""A customer's page, as a browser without scripts sees it, and the links that open it."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from ringback.runtime.http import HttpClient

from ..conftest import until

FORM = "application/x-www-form-urlencoded"


async def link(world: Any, callback: str) -> str:
    """The path of a callback's page."""
    status, envelope = await world.api("POST", "callbacks/link", {"id": callback})
    assert status == 200, envelope
    url: str = envelope["data"]["url"]
    assert url.startswith(world.base + "/c/")
    return urlsplit(url).path


async def get(world: Any, path: str, **headers: str) -> tuple[int, str, Any]:
    sent = {"Accept-Language": "en", **{name.replace("_", "-"): value for name, value in headers.items()}}
    async with world.context.http_session().get(world.base + path, headers=sent) as reply:
        return reply.status, await reply.text(), reply.headers


async def post(world: Any, path: str, form: str = "", **headers: str) -> tuple[int, str, Any]:
    sent = {
        "Content-Type": FORM,
        "Accept-Language": "en",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    session, url = world.context.http_session(), world.base + path
    async with session.post(url, data=form, headers=sent, allow_redirects=False) as reply:
        return reply.status, await reply.text(), reply.headers


def later(hours: float = 30.0) -> str:
    moment = datetime.now(UTC) + timedelta(hours=hours)
    return moment.replace(minute=0, second=0, microsecond=0).isoformat(timespec="milliseconds")


async def slot_of(world: Any, path: str) -> str:
    """The last time that the page offers."""
    _, text, _ = await get(world, path)
    return re.findall(r'<option value="([^"]+)"', text)[-1]


async def test_the_page_shows_place_and_range_and_nothing_of_the_customer(world: Any) -> None:
    callback = await world.book(userData={"secret": "planted-data"})
    await world.entry(callback)
    foretold = {"pos": 4, "ewt": 200, "p50": 190, "p90": 600, "method": "ringback"}
    world.peers.waits[f"cb-{callback}-1@sales"] = foretold
    path = await link(world, callback)
    assert "2025550123" not in path
    assert callback not in path
    status, text, headers = await get(world, path)
    assert status == 200
    assert "<b>4</b>" in text
    assert "4 to 10 minutes" in text
    assert "+12•••••••23" in text
    assert "planted-data" not in text
    assert "2025550123" not in text
    assert "http://" not in text
    assert "https://" not in text
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'nonce-")
    assert "unsafe" not in policy
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert world.peers.asked[-1]["aqt"] == "ringback"


async def test_the_live_part_follows_the_callback(world: Any) -> None:
    callback = await world.book()
    path = await link(world, callback)
    world.peers.waits[f"cb-{callback}-1@sales"] = {"pos": 2, "reason": "no_agents"}
    found = msgspec.json.decode((await get(world, path + "/live"))[1])
    assert found["phase"] == "waiting"
    assert "Nobody is at work" in found["html"]
    await world.step(callback, 1, "ROUTING")
    assert msgspec.json.decode((await get(world, path + "/live"))[1])["phase"] == "calling"


async def test_cancel_works_without_scripts_and_a_look_changes_nothing(world: Any) -> None:
    callback = await world.book(desiredTime=later())
    path = await link(world, callback)
    status, _, headers = await get(world, f"{path}/cancel")
    assert (await world.retrieve(callback))["callbackState"] == "SCHEDULED", "a look changes nothing"
    status, _, headers = await post(world, f"{path}/cancel?lang=de")
    assert (status, headers["Location"]) == (303, f"{path}?lang=de&done=cancelled")
    seen = await world.retrieve(callback)
    assert (seen["callbackState"], seen["callbackReason"]) == ("COMPLETED", "CANCELLED")
    _, text, _ = await get(world, headers["Location"])
    assert "Ihr Rückruf ist abgesagt." in text
    assert "<form" not in text


async def test_a_callback_moves_to_a_slot_that_is_offered_and_keeps_its_id(world: Any) -> None:
    await world.publish({"few": {"_request_time_bucket": "60", "_max_request_by_time_bucket": "1"}})
    callback = await world.book(serviceName="few", desiredTime=later())
    path = await link(world, callback)
    slot = await slot_of(world, path)
    status, _, headers = await post(world, f"{path}/move", f"slot={slot}")
    assert (status, headers["Location"]) == (303, f"{path}?done=moved")
    seen = await world.retrieve(callback)
    assert (seen["callbackState"], seen["desiredTime"]) == ("SCHEDULED", slot)
    rows = await world.query("SELECT starts_at, taken FROM engagement.slots WHERE service = 'few'")
    taken = {row["starts_at"]: row["taken"] for row in rows}
    assert taken[int(datetime.fromisoformat(slot).timestamp())] == 1
    assert sum(taken.values()) == 1, "the place in the old slot is free again"
    other = await world.book(serviceName="few", phoneNumber="+12025550124", desiredTime=later())
    status, text, _ = await post(world, f"{await link(world, other)}/move", f"slot={slot}")
    assert status == 429
    assert "has just been taken" in text
    assert (await world.retrieve(other))["desiredTime"] != slot


async def test_call_me_now_brings_a_scheduled_callback_into_line(world: Any) -> None:
    callback = await world.book(desiredTime=later())
    path = await link(world, callback)
    status, _, headers = await post(world, f"{path}/now")
    assert (status, headers["Location"]) == (303, f"{path}?done=now")
    entry = await world.entry(callback)
    assert abs(float(entry["arrival_time"]) - world.now()) < 10
    _, text, _ = await get(world, headers["Location"])
    assert "You are in line" in text


async def test_one_in_line_moves_out_of_it_and_its_session_is_stopped(world: Any) -> None:
    callback = await world.book()
    await world.entry(callback)
    path = await link(world, callback)
    slot = await slot_of(world, path)
    assert (await post(world, f"{path}/move", f"slot={slot}"))[0] == 303

    async def stopped() -> bool:
        return (f"cb-{callback}-1", "callback.cancel") in world.peers.events

    await until(stopped)
    assert (await world.step(callback, 1, "DIALLING"))["go_on"] is False
    assert (await world.retrieve(callback))["callbackState"] == "SCHEDULED"


async def test_too_late_is_said_and_nothing_is_moved(world: Any) -> None:
    callback = await world.book()
    path = await link(world, callback)
    slot = await slot_of(world, path)
    await world.step(callback, 1, "ROUTING")
    status, text, _ = await post(world, f"{path}/move", f"slot={slot}")
    assert status == 400
    assert "too late" in text
    for wrong in (
        "",
        "slot=",
        "slot=yesterday",
        "slot=2020-01-01T00:00:00.000Z",
        "slot=a&slot=b",
        "slot=%00",
    ):
        assert (await post(world, f"{path}/move", wrong))[0] == 400


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}],
)
async def test_a_form_of_another_site_is_refused(world: Any, headers: dict[str, str]) -> None:
    callback = await world.book(desiredTime=later())
    path = await link(world, callback)
    assert (await post(world, f"{path}/cancel", **headers))[0] == 403
    assert (await world.retrieve(callback))["callbackState"] == "SCHEDULED"


async def test_forged_and_foreign_links_open_nothing_and_guessing_is_slowed_down(world: Any) -> None:
    callback = await world.book(desiredTime=later())
    path = await link(world, callback)
    forged = path[:-1] + ("A" if path[-1] != "A" else "B")
    for wrong in (forged, "/c/x", "/c/" + "A" * 56, "/c/%22%3E%3Cscript%3E", "/c/%E2%82%AC"):
        status, text, _ = await get(world, wrong)
        assert status == 404
        assert "does not open anything" in text
        assert "<script" not in text
    statuses = {(await get(world, forged))[0] for _ in range(70)}
    assert statuses == {404, 429}
    assert (await get(world, path))[0] == 200, "a good link is not held up by bad ones"


async def test_changes_through_one_link_are_limited(world: Any) -> None:
    callback = await world.book(desiredTime=later())
    path = await link(world, callback)
    statuses = [(await post(world, f"{path}/move", "slot=x"))[0] for _ in range(12)]
    assert statuses == [400] * 10 + [429] * 2
    assert (await get(world, path))[0] == 200


async def test_a_link_is_over_with_its_time_and_with_its_callback(world: Any) -> None:
    callback = await world.book()
    path = await link(world, callback)
    world.move_clock(86_400 + 23 * 3600)
    assert (await get(world, path))[0] == 200
    world.move_clock(2 * 3600)
    assert (await get(world, path))[0] == 404
    purged = await world.book(phoneNumber="+12025550124")
    path = await link(world, purged)
    assert (await get(world, path))[0] == 200
    await world.query("DELETE FROM engagement.callbacks WHERE id = $1::uuid", purged)
    assert (await get(world, path))[0] == 404


async def test_keys_change_lie_encrypted_and_can_be_revoked(world: Any) -> None:
    callback = await world.book(desiredTime=later())
    first = await link(world, callback)
    [row] = await world.query("SELECT sealed FROM engagement.link_keys")
    assert row["sealed"].startswith("ey"), "a JWE"
    world.move_clock(31 * 86_400)
    callback = await world.book(desiredTime=later(24 * 32))
    second = await link(world, callback)
    assert (await world.query("SELECT count(*) FROM engagement.link_keys"))[0][0] == 2
    assert (await get(world, second))[0] == 200
    assert (await get(world, first))[0] == 404, "over"
    keeper = HttpClient(world.context, "engagement")
    await keeper.post("/internal/link-keys", {})
    assert (await get(world, second))[0] == 200, "a change alone ends no link"
    await keeper.post("/internal/link-keys", {"revoke": True})
    assert (await get(world, second))[0] == 404
    assert (await get(world, await link(world, callback)))[0] == 200


async def test_a_link_is_made_for_the_tenants_own_callbacks_only(world: Any) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    assert (await world.api("POST", "callbacks/link", {"id": unknown}))[0] == 404
    assert (await world.api("POST", "callbacks/link", {"id": unknown}, key=""))[0] == 401


async def test_no_link_is_in_a_log_or_a_metric(world: Any, capfd: pytest.CaptureFixture[str]) -> None:
    path = await link(world, await world.book(desiredTime=later()))
    await get(world, path)
    await post(world, f"{path}/cancel")
    word = path.rpartition("/")[2]
    _, metrics, _ = await get(world, "/metrics")
    assert 'path="/c/{link}"' in metrics
    assert word not in metrics
    assert word not in "".join(capfd.readouterr())
