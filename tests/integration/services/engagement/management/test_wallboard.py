"""The wallboard: figures of the router and of the statistics, for who may see them, and in a browser."""

from typing import Any

import pytest

from ringback.contracts.routing import QueueView

from ..chromium import NEEDED, Tab

SALES = QueueView(
    queue="sales",
    waiting=5,
    calls=6,
    callbacks=2,
    ewt=95.0,
    agents_logged_in=7,
    agents_ready=1,
    longest_wait=75.0,
    agents_working=5,
    p50=80.0,
    p90=190.0,
)
OTHER = QueueView(
    queue="VQ_Other",
    waiting=0,
    calls=0,
    callbacks=0,
    ewt=-1,
    agents_logged_in=0,
    agents_ready=0,
    longest_wait=0,
)
FIGURES: dict[str, dict[str, float | None]] = {
    "sales": {
        "growing/CurrNumberWaitingCalls": 3,
        "growing/CurrMaxCallWaitingTime": 74.5,
        "growing/CurrNumberWaitingCallbacks": 2,
        "growing/ServiceFactor": 90.0,
        "growing/TotalCallsAnswered": 40,
        "growing/TotalCallsAbandoned": 12,
        "growing/TotalCallsAbandonedShort": 2,
        "growing/TotalCallbacksAnswered": 9,
        "sliding:1800/ServiceFactor": 55.5,
        "sliding:1800/TotalCallsAnswered": 10,
    },
    "*": {
        "growing/CurrNumberLoggedIn": 7,
        "growing/CurrNumberReady": 1,
        "growing/CurrNumberBusy": 4,
        "growing/CurrNumberNotReady": 2,
    },
}


@pytest.fixture
def floor(world: Any) -> Any:
    world.peers.views, world.peers.figures = [SALES, OTHER], FIGURES
    return world.peers


async def test_figures_of_now_today_and_the_last_half_hour_stand_side_by_side(
    world: Any, office: Any, floor: Any
) -> None:
    supervisor = await office.user("ann", "Supervisor")
    board = await supervisor.get("wallboard")
    assert (board["since"], board["recent_s"]) == ("2027-01-15T08:00:00Z", 1800)
    assert board["agents"] == {"logged_in": 7, "ready": 1, "reserved": 0, "busy": 4, "not_ready": 2}
    sales, other = board["queues"]
    assert sales == {
        "queue": "sales",
        "services": ["sales"],
        "calls": 3,
        "callbacks": 2,
        "longest_wait": 74.5,
        "expected": 95.0,
        "p50": 80.0,
        "p90": 190.0,
        "agents_ready": 1,
        "agents_busy": 4,
        "agents_not_ready": 2,
        "today": {"service_level": 90.0, "rated": 50, "answered": 40, "abandoned": 12, "callbacks": 9},
        "recent": {"service_level": 55.5, "rated": 10, "answered": 10, "abandoned": 0, "callbacks": 0},
        "average_wait": 0,
        "average_callback_wait": 0,
    }
    assert (other["queue"], other["services"], other["calls"]) == ("VQ_Other", [], 0)
    assert (other["expected"], other["p50"], other["p90"]) == (None, None, None), "unknown is not nought"
    assert other["today"]["service_level"] is None


async def test_who_is_limited_to_some_queues_sees_those_and_no_agents(
    world: Any, office: Any, floor: Any
) -> None:
    limited = await office.user("lena", "Supervisor", only=["sales"])
    board = await limited.get("wallboard")
    assert [queue["queue"] for queue in board["queues"]] == ["sales"]
    assert board["agents"] is None
    nobody = await office.user("nobody")
    assert (await nobody.get("wallboard"))["queues"] == []


async def test_figures_that_nobody_knows_are_null(world: Any, office: Any, floor: Any) -> None:
    supervisor = await office.user("ann", "Supervisor")
    floor.figures = None
    board = await supervisor.get("wallboard")
    sales = board["queues"][0]
    assert (board["since"], board["agents"], sales["calls"], sales["longest_wait"]) == (None,) * 4
    assert set(sales["today"].values()) == {None}
    assert sales["callbacks"] == 2, "the router knows those"


async def test_without_the_router_there_is_no_board(world: Any, office: Any, floor: Any) -> None:
    supervisor = await office.user("ann", "Supervisor")
    await floor.stop()
    assert (await supervisor.ask("GET", "wallboard"))[0] == 503


@pytest.mark.timeout(120)
@NEEDED
async def test_a_supervisor_sees_the_floor_and_that_what_is_seen_is_old(
    world: Any, office: Any, floor: Any, tab: Tab
) -> None:
    monitor = await office.user("mona", "Monitor")
    await tab.go(f"{world.base}/console?token={monitor.token}", width=390, height=844)
    await tab.shows("1:20 – 3:10", "#list")
    shown = await tab.run("document.querySelector('#room').innerText")
    for words in ("1:14", "56 %", "90 %", "unknown", "agents not ready", "What this browser has seen since"):
        assert words in shown, words
    assert await tab.run("document.documentElement.scrollWidth <= innerWidth"), "a narrow screen holds it"
    await tab.until("document.querySelector('#link').textContent.startsWith('live')")
    assert await tab.run("document.querySelector('#lost').hidden")

    await tab.run("window.real = fetch; window.fetch = () => Promise.reject(new TypeError('away')); 0")
    await tab.shows("The server does not answer.", "#lost")
    assert await tab.run("document.querySelector('#link').textContent") == "not live"
    assert await tab.run("document.querySelector('#room').classList.contains('old')")
    assert "1:14" in await tab.run("document.querySelector('#room').innerText"), "dimmed, not gone"
    await tab.run("window.fetch = real; 0")
    await tab.press("Try now")
    await tab.until("document.querySelector('#lost').hidden")
