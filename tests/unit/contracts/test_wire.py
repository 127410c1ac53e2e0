import msgspec
import pytest

from ringback.contracts.events import AgentEvent, CallEvent, CallState
from ringback.contracts.names import tlib
from ringback.contracts.telephony import RequestMakeCall, RequestRouteCall, TelephonyRequest


@pytest.mark.parametrize(
    ("ours", "wire"),
    [
        ("conn_id", "ConnID"),
        ("this_dn", "ThisDN"),
        ("call_uuid", "CallUUID"),
        ("this_dn_role", "ThisDNRole"),
        ("ani", "ANI"),
        ("id", "id"),
        ("time", "time"),
    ],
)
def test_attributes_are_spelled_as_t_library_spells_them(ours: str, wire: str) -> None:
    assert tlib(ours) == wire


def test_an_event_carries_its_mandatory_attributes_and_no_empty_ones() -> None:
    event = CallEvent(
        id="EventAbandoned",
        time=1.5,
        tenant="demo",
        conn_id="0" * 16,
        this_dn="8000",
        call_state=CallState.ABANDONED,
    )
    assert msgspec.json.decode(msgspec.json.encode(event)) == {
        "id": "EventAbandoned",
        "time": 1.5,
        "Tenant": "demo",
        "ConnID": "0" * 16,
        "ThisDN": "8000",
        "CallState": 21,
    }


def test_an_agent_event_says_the_state_after_it() -> None:
    event = AgentEvent(id="EventAgentReady", time=1.0, tenant="demo", agent_id="a1", state="ready")
    assert msgspec.json.decode(msgspec.json.encode(event), type=AgentEvent) == event


@pytest.mark.parametrize(
    "request_",
    [
        RequestRouteCall(tenant="demo", conn_id="f" * 16, other_dn="1001", agent_id="a1"),
        RequestMakeCall(tenant="demo", this_dn="8000", other_dn="+12025550143"),
    ],
)
def test_a_request_is_told_apart_by_its_name(request_: TelephonyRequest) -> None:
    wire = msgspec.json.encode(request_)
    assert msgspec.json.decode(wire)["Request"] == type(request_).__name__
    assert msgspec.json.decode(wire, type=TelephonyRequest) == request_
