"""What a client may get wrong: each a clear error, and nothing is written, taken or lost for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

NUMBER = "+12025550123"
RULES = {
    "sales": {"_number_rule": "gate", "_request_time_bucket": "15", "_max_request_by_time_bucket": "1"},
    "gate": {"_permitted_countries": "US,GB", "_blocked_pattern1": "+1202555019?"},
}


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


async def ask(world: Any, **fields: object) -> tuple[int, dict[str, Any]]:
    body = {"serviceName": "sales", "phoneNumber": NUMBER, **fields}
    status, envelope = await world.api("POST", "callbacks/create", body)
    return status, envelope


async def nothing_is_there(world: Any) -> None:
    """No callback, no place in a slot, nothing to tell, no key."""
    for table in ("callbacks", "outbox", "idempotency"):
        assert await world.query(f"SELECT 1 FROM engagement.{table}") == [], table
    assert await world.query("SELECT 1 FROM engagement.slots WHERE taken > 0") == []
    assert await world.entries() == []


async def refused(world: Any, code: int, **fields: object) -> None:
    """A 400 with the code, a message and a corrId; then the same key may be used for a good request."""
    body = {"serviceName": "sales", "phoneNumber": NUMBER, **fields}
    status, envelope = await world.api("POST", "callbacks/create", body, Idempotency_Key="k")
    assert (status, envelope["status"]["code"]) == (400, code), envelope
    assert envelope["status"]["message"]
    assert len(envelope["status"]["corrId"]) == 36
    await nothing_is_there(world)
    body = {"serviceName": "sales", "phoneNumber": "+12025550188"}
    status, envelope = await world.api("POST", "callbacks/create", body, Idempotency_Key="k")
    assert status == 200, "a refused request leaves its key free"


@pytest.mark.parametrize(
    ("days", "code"),
    [(-1, 40006), (-3650, 40006), (91, 40008), (36500, 40008)],
)
async def test_a_time_in_the_past_or_beyond_the_limit(world: Any, days: int, code: int) -> None:
    at = datetime.fromtimestamp(world.now(), UTC) + timedelta(days=days)
    await refused(world, code, desiredTime=iso(at))


@pytest.mark.parametrize(
    "text",
    [
        "tomorrow",
        "",
        "2026-13-01T00:00:00Z",
        "2030-02-29T10:00:00Z",
        "25:00",
        "1700000000",
        "2026-11-21T10:00:00+99:00",
    ],
)
async def test_a_time_that_cannot_be_read(world: Any, text: str) -> None:
    await refused(world, 40005, desiredTime=text)


class TestClocksThatAreSet:
    """Europe/Berlin: 03:00 to 02:00 on the last Sunday of October, 02:00 to 03:00 on that of March."""

    @pytest.fixture
    def engagement_env(self) -> dict[str, str]:
        return {"RINGBACK_ENGAGEMENT_MAX_AHEAD_DAYS": "800"}

    def sunday(self, world: Any, month: int) -> str:
        """The next last Sunday of a month with 31 days, at least four days from now."""
        now = datetime.fromtimestamp(world.now(), UTC)
        lasts = [datetime(now.year + more, month, 31, tzinfo=UTC) for more in (0, 1)]
        sundays = [last - timedelta(days=(last.weekday() + 1) % 7) for last in lasts]
        return next(each for each in sundays if each > now + timedelta(days=4)).strftime("%Y-%m-%d")

    async def test_a_time_that_comes_twice_is_asked_for_again(self, world: Any) -> None:
        at = f"{self.sunday(world, 10)}T02:30:00.000"
        await refused(world, 40029, desiredTime=at, timezone="Europe/Berlin")

    async def test_a_time_that_never_comes(self, world: Any) -> None:
        at = f"{self.sunday(world, 3)}T02:30:00.000"
        await refused(world, 40005, desiredTime=at, timezone="Europe/Berlin")

    async def test_with_an_offset_it_is_clear(self, world: Any) -> None:
        day = self.sunday(world, 10)
        wanted = {"+02:00": "00:30", "+01:00": "01:30"}
        for number, (offset, utc) in enumerate(wanted.items()):
            at = f"{day}T02:30:00.000{offset}"
            status, envelope = await ask(
                world, phoneNumber=f"+1202555010{number}", desiredTime=at, timezone="Europe/Berlin"
            )
            assert status == 200, envelope
            seen = await world.retrieve(envelope["data"]["id"])
            assert seen["desiredTime"] == f"{day}T{utc}:00.000Z"

    async def test_on_an_ordinary_day_it_is_the_time_on_the_customers_wall(self, world: Any) -> None:
        day = self.sunday(world, 10)
        before = (datetime.fromisoformat(day) - timedelta(days=3)).strftime("%Y-%m-%d")
        status, envelope = await ask(world, desiredTime=f"{before}T12:00:00", timezone="Europe/Berlin")
        assert status == 200, envelope
        assert (await world.retrieve(envelope["data"]["id"]))["desiredTime"] == f"{before}T10:00:00.000Z"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"serviceName": "unheard-of"}, 40004),
        ({"serviceName": "gate"}, 40004),
        ({"phoneNumber": ""}, 40013),
        ({"phoneNumber": "call me"}, 40014),
        ({"phoneNumber": "+12025550123 ext. 7"}, 40015),
        ({"phoneNumber": "+1202555"}, 40016),
        ({"phoneNumber": "+12020550123"}, 40017),
        ({"phoneNumber": "+19002345678"}, 40018),
        ({"phoneNumber": "+80012345678"}, 40024),
        ({"phoneNumber": "+4930123456"}, 40025),
        ({"phoneNumber": "+12025550190"}, 40026),
        ({"timezone": "Mars/Olympus"}, 40028),
    ],
)
async def test_services_and_numbers_that_will_not_do(world: Any, fields: dict[str, str], code: int) -> None:
    await world.publish(RULES)
    await refused(world, code, **fields)


async def test_a_slot_that_fills_between_the_look_and_the_request(world: Any) -> None:
    await world.publish(RULES)
    start = datetime.fromtimestamp(world.now() + 86_400, UTC).replace(minute=0, second=0, microsecond=0)
    query = f"callbacks/availability/sales?start={iso(start)}&maxTimeSlots=1"
    _, seen = await world.api("GET", query)
    [slot] = seen["data"]["slots"]
    assert slot["capacity"] == 1
    quicker = await world.book(phoneNumber="+12025550144", desiredTime=slot["utcTime"])
    status, envelope = await ask(world, desiredTime=slot["utcTime"])
    assert (status, envelope["status"]["code"]) == (429, 42901)
    proposed = envelope["data"]["slots"]
    assert slot["utcTime"] not in proposed
    assert len(proposed) == 10
    assert set(proposed.values()) == {1}
    assert (await ask(world, desiredTime=min(proposed)))[0] == 200
    assert (await world.retrieve(quicker))["callbackState"] == "SCHEDULED"


async def test_keys_of_user_data_that_are_no_identifiers_are_left_out_and_counted_in_the_log(
    world: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"order": 7, "$ok": 1, "_x": 2, "not one": 3, "1st": 4, "planted-secret": "planted-value", "": 5}
    status, envelope = await ask(world, userData=given)
    assert status == 200
    said = capsys.readouterr().out
    [line] = [line for line in said.splitlines() if "callback_created" in line]
    assert "warning=" in line
    assert "ignored: 4" in line
    assert "planted" not in said
    entry = await world.entry(envelope["data"]["id"])
    assert entry["user_data"] == '{"order":7,"$ok":1,"_x":2}'
    await ask(world, userData={"order": 7}, phoneNumber="+12025550145")
    assert "warning=" not in capsys.readouterr().out


@pytest.mark.parametrize("where", ["length", "chunks"])
async def test_a_body_of_a_megabyte(world: Any, where: str) -> None:
    body = (
        b'{"serviceName":"sales","phoneNumber":"+12025550123","userData":{"a":"' + b"x" * 1_000_000 + b'"}}'
    )

    async def parts() -> Any:
        for start in range(0, len(body), 50_000):
            yield body[start : start + 50_000]

    session, url = world.context.http_session(), f"{world.base}/engagement/v3/callbacks/create"
    data: Any = body if where == "length" else parts()
    async with session.post(url, data=data, headers={"x-api-key": world.key}) as reply:
        envelope = await reply.json()
    assert (reply.status, envelope["status"]["code"]) == (400, 40003)
    await nothing_is_there(world)
    async with session.get(f"{world.base}/metrics") as reply:
        assert "\nINVALID_CONTENT_LENGTH 1.0\n" in await reply.text()
