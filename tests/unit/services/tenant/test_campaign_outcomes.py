"""Whose result counts, and what a desktop's event says."""

import uuid

import pytest

from ringback.contracts.telephony import RequestDistributeUserEvent
from ringback.domain.callbacks import DialResult
from ringback.domain.campaigns.attempts import Progress, Stage
from ringback.domain.campaigns.outcomes import Entered
from ringback.domain.campaigns.permission import Customer
from ringback.runtime.link import LinkError
from ringback.services.tenant.campaigns.attempts import _holds
from ringback.services.tenant.campaigns.outcomes import asked_by_desktop
from ringback.services.tenant.campaigns.store import Attempt


def dial(result: DialResult, entered: Entered) -> Attempt:
    return Attempt(
        id=uuid.uuid4(),
        campaign="spring",
        list="spring",
        key="a",
        number=1,
        asked_at=0.0,
        customer=Customer("+12025550123"),
        data={},
        progress=Progress(Stage.OVER, result, agent="kim"),
        entered=entered,
    )


def test_the_result_of_the_agent_who_talked_counts_and_nobody_elses() -> None:
    assert _holds(dial(DialResult.CONNECTED, Entered("SOLD", "kim")))
    assert _holds(dial(DialResult.CONNECTED, Entered("SOLD")))
    assert not _holds(dial(DialResult.CONNECTED, Entered("DO_NOT_CALL", "lee")))
    assert not _holds(dial(DialResult.PERSON, Entered("SOLD", "kim")))
    assert not _holds(dial(DialResult.CONNECTED, Entered()))


def event(**data: object) -> RequestDistributeUserEvent:
    named = {f"GSW_{name}": value for name, value in data.items()}
    return RequestDistributeUserEvent(tenant="demo", agent_id="kim", user_data=named)


def test_an_event_that_says_nothing_of_a_record_goes_to_the_desktop() -> None:
    assert asked_by_desktop(event()) is None
    assert asked_by_desktop(event(CALL_RESULT="SOLD")) is None


@pytest.mark.parametrize(
    ("data", "outcome", "at"),
    [
        ({"AGENT_REQ_TYPE": "RecordProcessed", "CALL_RESULT": "SOLD"}, "SOLD", ""),
        (
            {"AGENT_REQ_TYPE": "RecordReschedule", "DATE_TIME": "11/24/2026 15:00"},
            "CALLBACK",
            "11/24/2026 15:00",
        ),
        (
            {"AGENT_REQ_TYPE": "RecordReschedule", "DATE_TIME": "x", "CALLBACK_TYPE": "Campaign"},
            "AGAIN",
            "x",
        ),
        ({"AGENT_REQ_TYPE": "DoNotCall", "DATE_TIME": "x"}, "DO_NOT_CALL", ""),
    ],
)
def test_what_a_desktop_sends_is_a_result(data: dict[str, str], outcome: str, at: str) -> None:
    asked = asked_by_desktop(event(**data, CALLING_LIST="spring", RECORD_HANDLE=7))
    assert asked is not None
    assert (asked.outcome, asked.call_at, asked.list, asked.key, asked.agent) == (
        outcome,
        at,
        "spring",
        "7",
        "kim",
    )


def test_another_kind_of_event_is_refused_with_those_there_are() -> None:
    with pytest.raises(LinkError, match="RecordProcessed, RecordReschedule, DoNotCall"):
        asked_by_desktop(event(AGENT_REQ_TYPE="RecordCancel"))


def test_what_no_database_holds_is_refused_before_one_is_asked() -> None:
    with pytest.raises(LinkError, match="such a character"):
        asked_by_desktop(event(AGENT_REQ_TYPE="DoNotCall", CALLING_LIST="spring", RECORD_HANDLE="a\0"))
