"""Agents for supervisors. The test plays agent_state, which decides what can be done."""

from typing import Any

from ringback.contracts.telephony import RequestAgentLogout, RequestAgentNotReady


async def test_a_supervisor_sees_agents_and_logs_one_out_and_the_log_says_who_did(
    world: Any, office: Any, agents: Any
) -> None:
    chief = await office.user("chief", "Administrator")
    anna = await office.user("anna", "Supervisor")
    [row] = await anna.get("agents")
    assert (row["id"], row["state"], row["device"]) == ("ann", "talking", "1001")
    assert (row["since"], row["groups"]) == ("1970-01-01T00:01:40Z", ["Sales"])
    await anna.post("agents/ann/not-ready", {"reason": "lunch"})
    assert (await anna.post("agents/ann/log-out"))["state"] == "logged_out"
    assert agents.asked == [
        RequestAgentNotReady(tenant="demo", agent_id="ann", reason_code="lunch"),
        RequestAgentLogout(tenant="demo", agent_id="ann"),
    ]
    assert await anna.get("agents") == []
    log = (await chief.get("audit?action=agent"))["items"]
    assert [(entry["action"], entry["who"], entry["subject"]) for entry in log] == [
        ("agent.log-out", "anna", "ann"),
        ("agent.not-ready", "anna", "ann"),
    ]
    assert log[0]["before"]["state"] == "talking"


async def test_what_agent_state_refuses_is_refused_and_not_in_the_log(
    world: Any, office: Any, agents: Any
) -> None:
    chief = await office.user("chief", "Administrator")
    status, refused = await chief.ask("POST", "agents/bob/log-out", {})
    assert (status, refused["error"], refused["message"]) == (409, "wrong_state", "bob is logged out")
    assert (await chief.ask("POST", "agents/nobody/ready", {}))[0] == 404
    assert (await chief.ask("POST", "agents/ann/not-ready", {"reason": "x" * 65}))[0] == 400
    assert (await chief.get("audit?action=agent"))["items"] == []


async def test_only_who_stands_over_all_queues_sees_and_steers_agents(
    world: Any, office: Any, agents: Any
) -> None:
    monitor = await office.user("mona", "Monitor")
    assert len(await monitor.get("agents")) == 1
    assert (await monitor.ask("POST", "agents/ann/log-out", {}))[0] == 403
    limited = await office.user("limited", "Supervisor", only=["sales"])
    assert (await limited.ask("GET", "agents"))[0] == 403
    assert (await limited.ask("POST", "agents/ann/log-out", {}))[0] == 403
    assert agents.asked == []


async def test_while_agent_state_is_away_the_answer_says_so(world: Any, office: Any) -> None:
    chief = await office.user("chief", "Administrator")
    assert (await chief.ask("GET", "agents"))[0] == 503
