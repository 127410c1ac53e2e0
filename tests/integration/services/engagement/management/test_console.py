"""The console in a browser: a supervisor signs in, steers callbacks and agents, and is asked before harm."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ..chromium import NEEDED, Tab

BOOKING = {"serviceName": "sales", "phoneNumber": "+12025550123"}
pytestmark = [
    pytest.mark.timeout(120),
    NEEDED,
]


async def sign_in(tab: Tab, user: str, password: str) -> None:
    await tab.fill(user=user, password=password)
    await tab.press("Sign in", "#signin")


async def row_of(tab: Tab, number: str) -> None:
    await tab.press(number, "#room")
    await tab.shows(f"Callback to {number}", "#whole")


async def test_a_supervisor_steers_callbacks_and_agents_and_is_asked_first(
    world: Any, office: Any, agents: Any, tab: Tab
) -> None:
    chief = await office.user("chief", "Administrator")
    made = (await chief.ask("PUT", "users/anna", {"roles": ["Supervisor"]}))[1]
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT15:00:00Z")
    later = await world.book(desiredTime=tomorrow, timezone="America/Phoenix", userData={"order": "4711"})
    await world.book(phoneNumber="+12025550124")

    await tab.go(f"{world.base}/console/callbacks")
    await sign_in(tab, "anna", "guessed")
    await tab.shows("password", "#why")
    await sign_in(tab, "anna", made["password"])
    await tab.shows("anna · Supervisor · demo")
    await tab.shows("Times are those of Europe/Berlin, UTC+")

    await tab.shows("8:00 AM in Phoenix", "#list")
    await row_of(tab, "+12025550123")
    await tab.shows("4711", "#whole")
    await tab.shows("America/Phoenix", "#whole")
    await tab.press("Cancel", "#whole")
    await tab.shows("will not be called", "#ask")
    await tab.press("No, leave it", "#ask")
    assert (await world.retrieve(later))["callbackState"] == "SCHEDULED"

    await tab.press("Move", "#whole")
    await tab.run("document.querySelector('#to').value = '2020-01-01T10:00'")
    await tab.press("Move it", "#ask")
    await tab.shows("past", "#ask [role=alert]")
    local = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT10:00")
    await tab.run(f"document.querySelector('#to').value = '{local}'")
    await tab.press("Move it", "#ask")
    await tab.shows("is called at", "#said")
    assert (await world.retrieve(later))["desiredTime"][11:16] in {"08:00", "09:00"}, "10:00 in Berlin"

    await tab.run(f"window.row = document.querySelector('[data-held=\"{later}\"]'); row.focus()")
    await tab.enter()
    await tab.press("Priority", "#whole")
    await tab.run("document.querySelector('#to').value = '7'")
    await tab.press("Set it", "#ask")
    await tab.shows("has priority 7", "#said")
    await tab.until("!row.isConnected")
    assert await tab.run("document.activeElement.dataset.held") == later, "the focus stays in its row"

    await tab.run(
        "window.real = window.fetch; "
        "window.fetch = (...all) => new Promise(done => { window.go = () => done(real(...all)); }); "
        f"document.querySelector('[data-held=\"{later}\"]').click(); "
        "document.querySelector('#whole').close(); window.fetch = real; 0"
    )
    await row_of(tab, "+12025550124")
    await tab.run("go(); new Promise(done => setTimeout(done, 100))")
    await tab.shows("Callback to +12025550124", "#whole")
    await tab.press("Close", "#whole")

    await row_of(tab, "+12025550123")
    await tab.press("Call now", "#whole")
    await tab.press("Call now", "#ask")
    await tab.shows("is in line", "#said")
    await world.becomes(later, "QUEUED")

    await row_of(tab, "+12025550123")
    await tab.press("Cancel", "#whole")
    await tab.press("Yes, cancel it", "#ask")
    await tab.shows("is cancelled", "#said")
    assert (await world.retrieve(later))["callbackReason"] == "CANCELLED_BY_ADMIN"

    await tab.press("Queues", "#rooms")
    await tab.shows("sales", "#room")
    await tab.press("Agents", "#rooms")
    await tab.until("Boolean(document.querySelector('[aria-label=\"Log out: ann\"]'))")
    await tab.fill(name="zoe")
    await tab.run("document.querySelector('#name').dispatchEvent(new Event('input')); 0")
    await tab.shows("No agent is like that.", "#room")
    await tab.fill(name="ann")
    await tab.run("document.querySelector('#name').dispatchEvent(new Event('input')); 0")
    await tab.run(
        "const list = document.querySelector('#group'); "
        "list.value = 'Sales'; list.dispatchEvent(new Event('change')); 0"
    )
    await tab.until("Boolean(document.querySelector('[aria-label=\"Log out: ann\"]'))")
    await tab.shows("Sales", "#list")
    await tab.run("document.querySelector('[aria-label=\"Log out: ann\"]').focus()")
    await tab.enter()
    await tab.shows("The call under way is not cut", "#ask")
    await tab.press("Log out", "#ask")
    await tab.shows("ann is logged out", "#said")
    await tab.shows("Nobody is logged in.", "#room")
    assert await tab.run("document.activeElement.dataset.room") == "agents", "its row is gone"

    await chief.post("users/anna/password")  # which ends her tokens
    await tab.press("Callbacks", "#rooms")
    await tab.shows("Your session is over: sign in again.", "#why")


async def test_an_administrator_stops_bookings_of_a_queue(
    world: Any, office: Any, agents: Any, tab: Tab
) -> None:
    chief = await office.user("chief", "Administrator")
    await tab.go(f"{world.base}/console?token={chief.token}")
    await tab.press("Queues", "#rooms")
    button = "document.querySelector('[aria-label=\"What sales takes\"]')"
    await tab.until(f"Boolean({button})")
    await tab.run(f"{button}.click()")
    await tab.shows("Callbacks that are booked already are called.", "#ask")
    await tab.run("for (const id of ['soon', 'later']) document.getElementById(id).checked = false; 0")
    await tab.press("Set it", "#ask")
    await tab.shows("sales takes no bookings.", "#said")
    await tab.shows("nothing", "#room")
    row = await chief.get("settings/sales")
    assert row["properties"]["_route_point"] == "8010", "what is not about bookings stays"
    status, envelope = await world.api("POST", "callbacks/create", BOOKING)
    assert (status, envelope["status"]["code"]) == (400, 40009)


async def test_a_monitor_sees_masked_numbers_and_no_buttons_that_change_anything(
    world: Any, office: Any, agents: Any, tab: Tab
) -> None:
    monitor = await office.user("mona", "Monitor")
    await world.book()
    await tab.go(f"{world.base}/console/callbacks", width=390, height=844)
    await tab.until("document.querySelector('#signin')?.checkVisibility()")
    await tab.run(f"sessionStorage.setItem('ringback-token', '{monitor.token}'); location.reload()")
    await row_of(tab, "+12•••••••23")
    labels = "[...document.querySelectorAll('#whole button')].map(b => b.textContent).join()"
    assert await tab.run(labels) == "Close"
    await tab.press("Close", "#whole")
    await tab.press("Agents", "#rooms")
    await tab.shows("talking", "#room")
    assert await tab.run("document.querySelectorAll('#room button').length") == 0
    assert await tab.run("document.documentElement.scrollWidth <= innerWidth"), "a narrow screen holds it"
