"""Slots: what is offered, what is taken, and what happens when it is full."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ringback.runtime.http import HttpFailure

DAY = 86_400
BERLIN = {"_timezone": "Europe/Berlin", "_bh_regular1": "Mon-Sun 09:00-17:00"}
BODY = {"serviceName": "desk", "phoneNumber": "+12025550123"}
OPEN = {"_enable_in_queue_checking": "false", "_throttle_request_parameters": ""}


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


async def publish(world: Any, table: dict[str, dict[str, str]]) -> None:
    await world.publish(table)


async def desk(world: Any, hours: dict[str, str] | None = None, **properties: str) -> None:
    named = {"_business_hours_service": "office"} if hours else {}
    await publish(world, {"desk": {**OPEN, **named, **properties}, **({"office": hours} if hours else {})})


async def availability(world: Any, query: str = "") -> dict[str, Any]:
    status, envelope = await world.api("GET", f"callbacks/availability/desk?{query}")
    assert status == 200, envelope
    found: dict[str, Any] = envelope["data"]
    return found


def tomorrow(world: Any, hour: int, zone: str = "UTC") -> float:
    day = datetime.fromtimestamp(world.now(), ZoneInfo(zone)) + timedelta(days=1)
    return day.replace(hour=hour, minute=0, second=0, microsecond=0).timestamp()


async def create(world: Any, at: float | None = None, **fields: object) -> tuple[int, dict[str, Any]]:
    body = {**BODY, **({} if at is None else {"desiredTime": iso(at)}), **fields}
    status, envelope = await world.api("POST", "callbacks/create", body)
    return status, envelope


class TestAvailability:
    async def test_a_day_of_an_office_has_its_slots_in_utc_and_on_the_wall_that_was_asked_for(
        self, world: Any
    ) -> None:
        await desk(world, BERLIN, _request_time_bucket="60", _max_request_by_time_bucket="7")
        start = tomorrow(world, 0, "Europe/Berlin")
        wall = datetime.fromtimestamp(start, ZoneInfo("Europe/Berlin")).strftime("%Y-%m-%dT00:00:00.000")
        found = await availability(world, f"start={wall}&numberOfDays=1&timezone=Europe/Berlin")
        assert (found["durationMin"], found["timezone"]) == (60, "Europe/Berlin")
        assert [slot["localTime"][11:16] for slot in found["slots"]] == [f"{h:02}:00" for h in range(9, 17)]
        first = found["slots"][0]
        assert seconds(first["utcTime"]) == tomorrow(world, 9, "Europe/Berlin")
        assert (first["capacity"], first["total"]) == (7, 7)

    async def test_every_form_of_start_and_end_asks_for_the_same(self, world: Any) -> None:
        await desk(world, _request_time_bucket="30")
        start, end = tomorrow(world, 10), tomorrow(world, 12)
        plain = await availability(world, f"start={iso(start)}&end={iso(end)}")
        assert [seconds(slot["utcTime"]) for slot in plain["slots"]] == [start + n * 1800 for n in range(4)]
        in_ms = await availability(world, f"startMS={int(start * 1000)}&endMS={int(end * 1000)}")
        offset = await availability(world, f"start={iso(start)[:-1]}%2B00:00&end={iso(end)[:-1]}Z")
        assert plain == in_ms == offset
        assert plain["timezone"] == "UTC"
        days = await availability(world, f"start={iso(start)}&numberOfDays=2")
        assert len(days["slots"]) == 96

    async def test_without_an_end_the_one_slot_of_the_start_is_told(self, world: Any) -> None:
        await desk(world, _request_time_bucket="10")
        at = tomorrow(world, 10)
        found = await availability(world, f"start={iso(at + 61)}")
        assert [slot["utcTime"] for slot in found["slots"]] == [iso(at)]
        now = await availability(world)
        assert len(now["slots"]) == 1
        assert world.now() - 600 < seconds(now["slots"][0]["utcTime"]) <= world.now()
        status, envelope = await create(world, seconds(now["slots"][0]["utcTime"]))
        assert status == 200, envelope

    async def test_full_slots_are_left_out_unless_asked_for_and_do_not_count(self, world: Any) -> None:
        await desk(world, _request_time_bucket="60", _max_request_by_time_bucket="1")
        start = tomorrow(world, 10)
        await world.book(serviceName="desk", desiredTime=iso(start))
        query = f"start={iso(start)}&numberOfDays=1"
        two = await availability(world, f"{query}&maxTimeSlots=2")
        assert [seconds(slot["utcTime"]) for slot in two["slots"]] == [start + 3600, start + 7200]
        busy = await availability(world, f"{query}&maxTimeSlots=2&reportBusy=true")
        assert [slot["capacity"] for slot in busy["slots"]] == [0, 1, 1]
        assert busy["slots"][0]["total"] == 1

    async def test_what_needs_notice_is_offered_with_notice(self, world: Any) -> None:
        await desk(world, _min_time_before_callback="120", _request_time_bucket="5")
        found = await availability(world, "numberOfDays=1&maxTimeSlots=1")
        assert seconds(found["slots"][0]["utcTime"]) >= world.now() + 7190
        assert (await create(world, seconds(found["slots"][0]["utcTime"])))[0] == 200

    async def test_nothing_is_offered_beyond_what_can_be_booked_or_when_nothing_is_scheduled(
        self, world: Any
    ) -> None:
        await desk(world, _request_time_bucket="120")
        found = await availability(world, "numberOfDays=3660")
        assert seconds(found["slots"][-1]["utcTime"]) < world.now() + 90 * DAY
        assert (await availability(world, "start=9999-12-31T00:00:00.000Z"))["slots"] == []
        await desk(world, _scheduled_enabled="false")
        assert (await availability(world, "numberOfDays=1"))["slots"] == []

    @pytest.mark.parametrize(
        "query",
        [
            "start=yesterday",
            "start=2026-02-30T00:00:00.000Z",
            "startMS=-1",
            "startMS=1e3",
            "start=2026-12-01T00:00:00Z&startMS=1",
            "end=2026-12-01T00:00:00Z&numberOfDays=1",
            "start=2026-12-02T00:00:00Z&end=2026-12-01T00:00:00Z",
            "numberOfDays=-1",
            "numberOfDays=99999999999999999999999",
            "start=9999-12-31T00:00:00Z&numberOfDays=3000",
            "maxTimeSlots=0",
            "maxTimeSlots=many",
            "reportBusy=perhaps",
            "timezone=Mars/Olympus",
        ],
    )
    async def test_a_query_that_makes_no_sense_is_a_400(self, world: Any, query: str) -> None:
        await desk(world)
        status, envelope = await world.api("GET", f"callbacks/availability/desk?{query}")
        assert (status, envelope["status"]["code"]) == (400, 40022), envelope

    async def test_an_unknown_service_is_a_400(self, world: Any) -> None:
        for path in ("availability", "open-for"):
            status, envelope = await world.api("GET", f"callbacks/{path}/nothing")
            assert (status, envelope["status"]["code"]) == (400, 40004)


class TestOpenFor:
    async def test_seconds_until_closing_at_a_time_and_nought_when_closed(self, world: Any) -> None:
        await desk(world, BERLIN)
        for hour, left in ((16, 3600), (8, 0), (9, 8 * 3600), (17, 0)):
            wall = datetime.fromtimestamp(tomorrow(world, hour, "Europe/Berlin"), ZoneInfo("Europe/Berlin"))
            query = f"start={wall.strftime('%Y-%m-%dT%H:%M:%S.000')}&timezone=Europe/Berlin"
            _, envelope = await world.api("GET", f"callbacks/open-for/desk?{query}")
            assert envelope["data"] == {"openFor": left}

    async def test_an_office_that_never_closes_is_open_for_a_year(self, world: Any) -> None:
        await desk(world)
        _, envelope = await world.api("GET", "callbacks/open-for/desk")
        assert envelope["data"] == {"openFor": 365 * DAY}

    async def test_a_time_that_the_clock_shows_twice_is_a_400(self, world: Any) -> None:
        await desk(world)
        query = "start=2027-10-31T02:30:00.000&timezone=Europe/Berlin"
        status, envelope = await world.api("GET", f"callbacks/open-for/desk?{query}")
        assert (status, envelope["status"]["code"]) == (400, 40029)


class TestCapacity:
    async def test_a_full_slot_is_a_429_that_proposes_slots_with_room(self, world: Any) -> None:
        await desk(world, _request_time_bucket="60", _max_request_by_time_bucket="2")
        at = tomorrow(world, 10)
        assert [(await create(world, at + minute * 60))[0] for minute in (0, 59)] == [200, 200]
        status, envelope = await create(world, at + 120)
        assert (status, envelope["status"]["code"]) == (429, 42901)
        slots = envelope["data"]["slots"]
        assert iso(at) not in slots
        assert slots[iso(at + 3600)] == 2
        assert len(slots) == 10
        assert (await create(world, seconds(next(iter(slots)))))[0] == 200

    async def test_of_many_at_once_exactly_as_many_as_there_is_room_for_are_taken(self, world: Any) -> None:
        await desk(world, _request_time_bucket="15", _max_request_by_time_bucket="20")
        at = tomorrow(world, 11)
        replies = await asyncio.gather(*[create(world, at) for _ in range(300)])
        assert Counter(status for status, _ in replies) == {200: 20, 429: 280}
        assert len(await world.query("SELECT 1 FROM engagement.callbacks")) == 20
        busy = await availability(world, f"start={iso(at)}&reportBusy=true")
        assert [slot["capacity"] for slot in busy["slots"]] == [0]

    @pytest.mark.slow
    async def test_of_ten_thousand_for_a_hundred_places_a_hundred_are_taken(self, world: Any) -> None:
        await desk(world, _request_time_bucket="60", _max_request_by_time_bucket="100")
        at, statuses = tomorrow(world, 11), Counter[int]()
        left = iter(range(10_000))

        async def customer() -> None:
            for _ in left:
                while (status := (await create(world, at))[0]) == 503:  # the database did not keep up: again
                    await asyncio.sleep(0.1)
                statuses[status] += 1

        await asyncio.gather(*(customer() for _ in range(100)))
        assert statuses == {200: 100, 429: 9_900}
        assert len(await world.query("SELECT 1 FROM engagement.callbacks")) == 100

    async def test_a_cancelled_callback_gives_its_place_back_once(self, world: Any) -> None:
        await desk(world, _max_request_by_time_bucket="1")
        at = tomorrow(world, 10)
        callback = await world.book(serviceName="desk", desiredTime=iso(at))
        assert (await create(world, at))[0] == 429
        await world.cancel(callback)
        await world.cancel(callback)
        assert [(await create(world, at))[0] for _ in range(2)] == [200, 429]

    async def test_an_immediate_request_moves_to_the_earliest_slot_with_room(self, world: Any) -> None:
        await desk(world, _request_time_bucket="30", _max_request_by_time_bucket="1")
        now = world.now()
        first, second, third = [await world.book(serviceName="desk") for _ in range(3)]
        states = [(await world.retrieve(each))["callbackState"] for each in (first, second, third)]
        assert states == ["QUEUED", "SCHEDULED", "SCHEDULED"]
        rows = await world.query("SELECT id, due_at, arrived_at FROM engagement.callbacks ORDER BY slot_at")
        assert [str(row["id"]) for row in rows] == [first, second, third]
        slot = now - now % 1800
        assert [row["due_at"].timestamp() for row in rows[1:]] == [slot + 1800, slot + 3600]
        assert all(abs(row["arrived_at"].timestamp() - now) < 10 for row in rows)

    async def test_a_time_close_by_is_moved_unless_the_capacity_is_to_be_checked(self, world: Any) -> None:
        await desk(world, _request_time_bucket="120", _max_request_by_time_bucket="1")
        await world.book(serviceName="desk")
        status, envelope = await create(world, world.now(), alwaysCheckCapacity=True)
        assert (status, envelope["status"]["code"]) == (429, 42901)
        moved = await world.book(serviceName="desk", desiredTime=iso(world.now()))
        assert (await world.retrieve(moved))["callbackState"] == "SCHEDULED"

    async def test_what_would_not_be_dialled_before_closing_is_refused_when_it_is_to_be_checked(
        self, world: Any
    ) -> None:
        now = datetime.fromtimestamp(world.now(), UTC)
        closed = f"{now + timedelta(days=30):%m-%d}"
        await desk(world, {"_timezone": "UTC", "_bh_regular1": "Mon-Sun 00:00-24:00", "_holidays1": closed})
        world.peers.waits = {"desk": {"ewt": 500 * DAY}}
        at = (now + timedelta(hours=3)).timestamp()
        assert (await create(world, at, alwaysCheckCapacity=True))[0] == 429
        world.peers.waits = {"desk": {"ewt": 60}}
        assert (await create(world, at, alwaysCheckCapacity=True))[0] == 200

    async def test_a_rule_by_the_week_with_exceptions_overrides_the_designers_numbers(
        self, world: Any
    ) -> None:
        day = datetime.fromtimestamp(tomorrow(world, 0), UTC)
        rule = {
            "_capacity_slot": "30",
            "_capacity_regular1": "Mon-Sun 09:00-12:00 2",
            "_capacity_special1": f"{day:%Y-%m-%d} 10:00-11:00 1",
        }
        service = {**OPEN, "_capacity_rule": "rush", "_request_time_bucket": "5"}
        await publish(world, {"rush": rule, "desk": service})
        found = await availability(world, f"start={iso(day.timestamp())}&numberOfDays=1")
        assert found["durationMin"] == 30
        wall = {slot["localTime"][11:16]: slot["total"] for slot in found["slots"]}
        assert wall == {"09:00": 2, "09:30": 2, "10:00": 1, "10:30": 1, "11:00": 2, "11:30": 2}
        at = tomorrow(world, 10)
        assert [(await create(world, at))[0] for _ in range(2)] == [200, 429]
        assert (await create(world, tomorrow(world, 13)))[0] == 429

    async def test_slots_of_another_length_know_what_is_booked_already(self, world: Any) -> None:
        await desk(world, _request_time_bucket="60", _max_request_by_time_bucket="3")
        at = tomorrow(world, 10)
        for _ in range(3):
            await world.book(serviceName="desk", desiredTime=iso(at))
        await desk(world, _request_time_bucket="30", _max_request_by_time_bucket="3")
        assert (await create(world, at))[0] == 429
        found = await availability(world, f"start={iso(at)}&end={iso(at + 3600)}&reportBusy=true")
        assert [slot["capacity"] for slot in found["slots"]] == [0, 3]


class TestPublishing:
    @pytest.mark.parametrize(
        ("table", "said"),
        [
            ({"rush": {"_capacity_slot": "45"}}, "30 or 60"),
            ({"rush": {"_capacity_regular1": "Mon-Fri 09:00-12:00 many"}}, "capacity is a number"),
            ({"rush": {"_capacity_regular1": "Mon 09:00-10:00 1", "_capacity_special1": "24.12. 5"}}, "date"),
            ({"desk": {"_capacity_rule": "nothing"}}, "no capacity are published"),
            ({"desk": {"_business_hours_service": "sales"}}, "no hours are published"),
            ({"desk": {"_request_time_bucket": "7"}}, "_request_time_bucket"),
            ({"desk": {"_enable_in_queue_checking": "perhaps"}}, "_enable_in_queue_checking"),
            ({"eu": {"_permitted_countries": "DE,XX"}}, "no country has the code 'XX'"),
            ({"eu": {"_blocked_pattern1": "/(/"}}, "no regular expression"),
            ({"office": {"_timezone": "UTC", "_bh_special1": "2026-12-24 perhaps"}}, "_bh_special1"),
        ],
    )
    async def test_a_rule_that_cannot_be_is_refused_with_its_row_and_the_reason(
        self, world: Any, table: dict[str, dict[str, str]], said: str
    ) -> None:
        with pytest.raises(HttpFailure) as refused:
            await publish(world, table)
        assert refused.value.status == 400
        assert next(iter(table)) in str(refused.value)
        assert said in str(refused.value)
