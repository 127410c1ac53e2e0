"""What a session of the telephony link may ask for."""

from typing import Any

import pytest

from ringback.contracts.telephony import (
    RequestAgentLogin,
    RequestAgentReady,
    RequestApplyTreatment,
    RequestAttachUserData,
    RequestHoldCall,
    RequestMakeCall,
    RequestRouteCall,
    RequestSetDNDOn,
)
from ringback.services.tenant.telephony_desk import BURST, THE_PLATFORM, Desk, Rights

AGENT = Rights("demo", "kim", frozenset({"5001"}), "1001", asks_all=False, hears_all=False)
SUPERVISOR = Rights("demo", "", frozenset(), "", asks_all=True, hears_all=True)
MONITOR = Rights("demo", "", frozenset(), "", asks_all=False, hears_all=True)
DNS = frozenset({"1001"})


def refusal(rights: Rights, request: Any, *heard: str) -> str:
    desk = Desk(rights)
    for conn_id in heard:
        desk.heard(conn_id)
    return desk.refusal(request, DNS)


@pytest.mark.parametrize(
    "request_",
    [
        RequestAgentReady(tenant="demo", agent_id="kim"),
        RequestAgentReady(tenant="demo", agent_id="5001"),
        RequestAgentLogin(tenant="demo", agent_id="kim", this_dn="1009"),
        RequestSetDNDOn(tenant="demo", this_dn="1001"),
        RequestMakeCall(tenant="demo", this_dn="1001", other_dn="+4930123456"),
        RequestHoldCall(tenant="demo", conn_id="c1", this_dn="1001"),
        RequestAttachUserData(tenant="demo", conn_id="c1", user_data={}),
    ],
)
def test_an_agent_asks_for_themselves(request_: Any) -> None:
    assert refusal(AGENT, request_, "c1") == ""


@pytest.mark.parametrize(
    ("request_", "word"),
    [
        (RequestAgentReady(tenant="other", agent_id="kim"), "tenant"),
        (RequestAgentReady(tenant="demo", agent_id="lee"), "another agent"),
        (RequestSetDNDOn(tenant="demo", this_dn="1002"), "device"),
        (RequestSetDNDOn(tenant="demo"), "name"),
        (RequestMakeCall(tenant="demo", this_dn="8000", other_dn="1"), "device"),
        (RequestHoldCall(tenant="demo", conn_id="c2", this_dn="1001"), "call"),
        (RequestHoldCall(tenant="demo", conn_id="c1", this_dn="1002"), "device"),
        (RequestAttachUserData(tenant="demo", conn_id="c2", user_data={}), "call"),
        (RequestRouteCall(tenant="demo", conn_id="c1", other_dn="1002"), "may not"),
        (RequestApplyTreatment(tenant="demo", conn_id="c1", treatment_type="Music"), "may not"),
    ],
)
def test_and_not_for_others(request_: Any, word: str) -> None:
    assert word in refusal(AGENT, request_, "c1")


def test_a_supervisor_asks_within_the_tenant_a_monitor_not_at_all_the_platform_everywhere() -> None:
    mine, others = (RequestAgentReady(tenant=name, agent_id="lee") for name in ("demo", "other"))
    assert (refusal(SUPERVISOR, mine), refusal(THE_PLATFORM, others)) == ("", "")
    assert refusal(SUPERVISOR, others)
    assert refusal(MONITOR, mine)


def test_who_asks_too_fast_waits() -> None:
    desk = Desk(AGENT)
    assert sum(desk.spend(100.0) for _ in range(500)) == BURST
    assert desk.spend(101.0)
    platform = Desk(THE_PLATFORM)
    assert all(platform.spend(100.0) for _ in range(500))


def test_calls_of_long_ago_are_forgotten() -> None:
    desk = Desk(AGENT)
    for number in range(1500):
        desk.heard(f"c{number}")
    assert len(desk.calls) == 1000
    assert "c0" not in desk.calls
