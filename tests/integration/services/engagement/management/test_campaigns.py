"""Campaigns for supervisors: the operations, and the page in a real browser."""

from typing import Any

import pytest

from ringback.contracts.campaigns import (
    CampaignHour,
    CampaignPicture,
    CampaignStatus,
    Counts,
    CustomerView,
)

from ..chromium import NEEDED, Tab

HOUR = CampaignHour(
    hour=1_800_000_000, dialled=100, answered=40, connected=38, abandoned=2, busy=25, no_answer=30, other=5
)


def spring(state: str = "running", name: str = "Spring") -> CampaignPicture:
    counts = Counts(waiting=60, dialling=2, done=38, results={"CONNECTED": 36, "": 2}, open=2, next_at=1.8e9)
    status = CampaignStatus(
        tenant="demo",
        campaign=name,
        state=state,
        since=1.8e9,
        mode="power",
        answered=40,
        abandoned=2,
        counts=counts,
    )
    return CampaignPicture(
        status=status,
        queue="VQ_Sales",
        lists=["Spring"],
        ratio=1.5,
        abandon_cap=0.03,
        why="agents-have-customers",
        ready=2,
        under_way=2,
        per_minute=1.2,
        hours=[HOUR],
    )


def customer(key: str, outcome: str = "") -> CustomerView:
    return CustomerView(
        list="Spring",
        key=key,
        number="+12•••••••23",
        state="done" if outcome else "waiting",
        due_at=0.0 if outcome else 1.8e9,
        dials=1,
        result="CONNECTED" if outcome else "BUSY",
        reason="",
        outcome=outcome,
        agent="kim" if outcome else "",
        at=1.8e9,
        call_at=0.0,
    )


async def test_customers_are_listed_page_by_page_with_what_agents_entered(world: Any, office: Any) -> None:
    world.peers.campaigns = [spring()]
    world.peers.customers = [customer("a", "SOLD"), customer("b"), customer("c", "SOLD")]
    monitor = await office.user("max", "Monitor")
    page = await monitor.get("campaigns/Spring/customers")
    assert page["outcomes"] == {"SOLD": 2}
    assert page["next"] == {"list": "Spring", "key": "a"}
    assert page["items"] == [
        {
            "list": "Spring",
            "key": "a",
            "number": "+12•••••••23",
            "state": "done",
            "due": None,
            "dials": 1,
            "result": "CONNECTED",
            "reason": "",
            "outcome": "SOLD",
            "agent": "kim",
            "at": "2027-01-15T08:00:00Z",
            "call_at": None,
        }
    ]
    rest = await monitor.get("campaigns/Spring/customers?outcome=SOLD&after_list=Spring&after_key=a")
    assert ([each["key"] for each in rest["items"]], rest["next"], rest["outcomes"]) == (["c"], None, None)
    assert (await monitor.ask("GET", "campaigns/None/customers"))[0] == 404
    limited = await office.user("lena", "Supervisor", only=["sales"])
    assert (await limited.ask("GET", "campaigns/Spring/customers"))[0] == 403


async def test_who_may_look_sees_campaigns_and_supervisors_start_pause_and_stop_them(
    world: Any, office: Any
) -> None:
    world.peers.campaigns = [spring()]
    supervisor = await office.user("ann", "Supervisor")
    [row] = (await supervisor.get("campaigns"))["items"]
    assert (row["name"], row["state"], row["why"], row["waiting"]) == (
        "Spring",
        "running",
        "agents-have-customers",
        60,
    )
    assert row["hours"] == [
        {
            "hour": "2027-01-15T08:00:00Z",
            "dialled": 100,
            "answered": 40,
            "connected": 38,
            "abandoned": 2,
            "busy": 25,
            "no_answer": 30,
            "other": 5,
        }
    ]
    for order, state in (("pause", "paused"), ("start", "running"), ("stop", "stopping")):
        assert await supervisor.post(f"campaigns/Spring/{order}") == {"name": "Spring", "state": state}
    assert [(name, order) for name, order, _ in world.peers.ordered] == [
        ("Spring", "pause"),
        ("Spring", "start"),
        ("Spring", "stop"),
    ]
    assert {actor["who"] for *_, actor in world.peers.ordered} == {"ann"}
    assert (await supervisor.ask("POST", "campaigns/Spring/pause"))[0] == 409
    assert (await supervisor.ask("POST", "campaigns/a%2Fb/start"))[0] == 404


async def test_who_may_only_look_orders_nothing_and_who_is_limited_to_some_queues_sees_nothing(
    world: Any, office: Any
) -> None:
    world.peers.campaigns = [spring()]
    monitor = await office.user("max", "Monitor")
    assert len((await monitor.get("campaigns"))["items"]) == 1
    for order in ("start", "pause", "stop"):
        assert (await monitor.ask("POST", f"campaigns/Spring/{order}"))[0] == 403
    limited = await office.user("lena", "Supervisor", only=["sales"])
    assert (await limited.ask("GET", "campaigns"))[0] == 403
    assert (await limited.ask("POST", "campaigns/Spring/stop"))[0] == 403
    assert world.peers.ordered == []


@pytest.mark.timeout(120)
@NEEDED
async def test_the_page_shows_campaigns_and_orders_only_to_who_may_give_them(
    world: Any, office: Any, tab: Tab
) -> None:
    world.peers.campaigns = [spring(), spring("paused", "<b>Autumn")]
    world.peers.customers = [customer("first", "SOLD"), customer("second"), customer("third", "SOLD")]
    supervisor, monitor = await office.user("ann", "Supervisor"), await office.user("max", "Monitor")
    page = "document.querySelector('header').outerHTML + document.querySelector('main').outerHTML"
    await tab.go(f"{world.base}/campaigns?token={supervisor.token}")
    await tab.shows("38 of 100", "#list")
    shown = await tab.run(page)
    for words in (
        "each ready agent has a customer under way",
        "38 of 100",
        "2 (5.0 %)",
        "power × 1.5, 1.2/min",
        "done: connected",
        'aria-label="pause Spring"',
        'aria-label="start &lt;b&gt;Autumn"',
        "ann · Supervisor · demo",
    ):
        assert words in shown, words
    await tab.shows("sold (2)", "#outcome")
    await tab.run("document.querySelector('#outcome').focus()")
    await tab.run(
        "const list = document.querySelector('#outcome'); "
        "list.value = 'SOLD'; list.dispatchEvent(new Event('change')); 0"
    )
    await tab.press("Next page", "#customers")
    await tab.shows("third", "#customers")
    assert "second" not in await tab.run("document.querySelector('#customers').innerText")
    await tab.press("Page before", "#customers")
    await tab.shows("first", "#customers")
    await tab.go(f"{world.base}/campaigns?token={monitor.token}")
    await tab.shows("38 of 100", "#list")
    assert "pause Spring" not in await tab.run(page)
    await tab.go(f"{world.base}/campaigns")
    await tab.shows("Supervisors see and steer", "#why")
    assert "Spring" not in await tab.run(page)


@pytest.mark.timeout(120)
@NEEDED
async def test_a_supervisor_signs_in_steers_by_keyboard_and_leaves_nothing_behind(
    world: Any, office: Any, tab: Tab
) -> None:
    world.peers.campaigns = [spring()]
    chief = await office.user("chief", "Administrator")
    made = (await chief.ask("PUT", "users/anna", {"roles": ["Supervisor"]}))[1]
    await tab.go(f"{world.base}/campaigns")
    await tab.shows("Supervisors see and steer", "#why")
    assert await tab.run("document.activeElement.name") == "username"
    for password in ("guessed", made["password"]):
        await tab.fill(user="anna", password=password)
        await tab.run("document.querySelector('#password').focus()")
        await tab.enter()
        await tab.shows("password" if password == "guessed" else "anna · Supervisor · demo", "body")

    await tab.until("Boolean(document.querySelector('[aria-label=\"pause Spring\"]'))")
    await tab.run("document.querySelector('[aria-label=\"pause Spring\"]').focus()")
    await tab.enter()
    await tab.shows("Spring is paused.", "#said")
    await tab.shows("paused", "#list")
    assert await tab.run("document.activeElement.closest('tr').dataset.row") == "Spring", "the focus stays"
    world.peers.campaigns = [spring()]
    await tab.until("Boolean(document.querySelector('[aria-label=\"pause Spring\"]'))")
    world.peers.campaigns = [spring("paused")]
    await tab.press("Pause", "#list")
    await tab.shows("Paused cannot pause.", "#said[role=alert]")

    await tab.run(
        "window.held = []; window.real = window.fetch; "
        "window.fetch = (...all) => new Promise(done => held.push(() => done(real(...all)))); 0"
    )
    await tab.until("held.length")
    await tab.press("Sign out")
    await tab.run("window.fetch = real; held.forEach(go => go()); new Promise(done => setTimeout(done, 100))")
    left = (
        "[sessionStorage.length, document.querySelector('#room').childElementCount, "
        "document.querySelector('#why').textContent]"
    )
    assert await tab.run(left) == [0, 0, ""], "an answer that comes after the user has left is not shown"
    assert await tab.run("document.querySelector('#signin').checkVisibility()")

    await tab.run("sessionStorage.setItem('ringback-token', 'old'); location.reload()")
    await tab.shows("Your session is over: sign in again.", "#why")
    assert await tab.run("Object.keys(sessionStorage)") == [], "nobody asks with it again"
