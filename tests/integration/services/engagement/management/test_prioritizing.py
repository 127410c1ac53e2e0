"""Another priority for a callback that waits."""

from datetime import UTC, datetime
from typing import Any

from ringback.contracts.callbacks import session_id


async def test_a_supervisor_lets_one_go_first_in_line_and_in_later_attempts(world: Any, office: Any) -> None:
    chief = await office.user("chief", "Administrator")
    anna = await office.user("anna", "Supervisor", only=["sales"])
    booked = await world.book()
    await world.entry(booked)
    world.peers.sessions.add(session_id(booked, 1))
    row = await anna.post(f"callbacks/{booked}/priority", {"priority": 50})
    assert (row["state"], row["priority"]) == ("QUEUED", 50)
    assert world.peers.prioritized == [(session_id(booked, 1), 50)]
    await world.step(booked, 1, "ROUTING")
    await world.step(booked, 2, "FAILED", dial_result="BUSY")
    world.move_clock(61)
    assert (await world.entry(booked, 2))["priority"] == "50"
    [entry] = (await chief.get("audit?action=callback.priority"))["items"]
    assert (entry["who"], entry["before"], entry["after"]) == ("anna", {"priority": 0}, {"priority": 50})


async def test_one_whose_time_has_not_come_takes_it_along_and_the_router_is_not_asked(
    world: Any, office: Any
) -> None:
    anna = await office.user("anna", "Supervisor")
    tomorrow = datetime.fromtimestamp(world.now() + 86_400, UTC).isoformat()
    later = await world.book(desiredTime=tomorrow)
    row = await anna.post(f"callbacks/{later}/priority", {"priority": 9})
    assert (row["state"], row["priority"], world.peers.prioritized) == ("SCHEDULED", 9, [])
    assert (await anna.get(f"callbacks/{later}"))["callback"]["priority"] == 9


async def test_who_does_not_wait_or_may_not_be_seen_is_refused(world: Any, office: Any) -> None:
    anna = await office.user("anna", "Supervisor")
    booked = await world.book()
    await world.cancel(booked)
    status, refused = await anna.ask("POST", f"callbacks/{booked}/priority", {"priority": 1})
    assert (status, refused["error"]) == (400, "callback-not-waiting")
    assert (await anna.ask("POST", f"callbacks/{booked}/priority", {"priority": "high"}))[0] == 400
    other = await office.user("other", "Supervisor", only=["closed"])
    assert (await other.ask("POST", f"callbacks/{booked}/priority", {"priority": 1}))[0] == 404
    monitor = await office.user("mona", "Monitor")
    assert (await monitor.ask("POST", f"callbacks/{booked}/priority", {"priority": 1}))[0] == 403
