"""The user events of a callback."""

from ringback.domain.callbacks import Happening, HappeningKind, Reason
from ringback.domain.callbacks.report import Subject, user_data

SUBJECT = Subject(
    id="c1",
    tenant="demo",
    service="sales",
    accepted_at=1000.7,
    arrived_at=940.0,
    desired_at=None,
    reason=Reason.AGENT_CONNECTED,
    dims={"CHANNEL": "web", "OFFER_TYPE": "ASAP", "INBOUND_VQ": ""},
)


def what(kind: str, at: float, attempt: int = 1, **more: object) -> Happening:
    return Happening(
        callback="c1",
        line="",
        number="+1",
        attempt=attempt,
        kind=HappeningKind[kind],
        at=at,
        arrived_at=940.0,
        **more,  # type: ignore[arg-type]
    )


STORY = [
    what("WAITING", 1001.0),
    what("POSITION", 1001.1, position=4, ewt=95.4),
    what("RESERVED", 1100.0, agent="ann"),
    what("DIALLING", 1100.0, agent="ann", position=1, ewt=2.0),
    what("FAILED", 1110.0, lives=False, result="BUSY"),
    what("WAITING", 1200.0, attempt=2),
    what("RESERVED", 1201.0, attempt=2),
    what("DIALLING", 1202.0, attempt=2),
    what("CUSTOMER", 1209.0, attempt=2),
    what("CONNECTED", 1213.0, attempt=2),
    what("ENDED", 1300.0, attempt=2, lives=False),
]


def test_the_start_event_says_who_asked_when_and_where_the_line_stood() -> None:
    assert user_data(SUBJECT, STORY[:2], final=False) == {
        "_CB_TENANT_DBID": "demo",
        "_CB_SERVICE_ID": "c1",
        "_CB_T_CALLBACK_OFFERED": 1000,
        "_CB_T_CALLBACK_ACCEPTED": 1000,
        "_CB_FINAL_RECORD": 0,
        "_CB_D_CALLBACK_OFFER": 0,
        "_CB_DIM_VQ": "sales",
        "_CB_DIM_CHANNEL": "web",
        "_CB_DIM_OFFER_TYPE": "ASAP",
        "_CB_POS_WHEN_CALLBACK_WAS_OFFERED": 4,
        "_CB_EWT_WHEN_CALLBACK_WAS_OFFERED": 95,
    }


def test_the_end_event_has_every_dial_and_the_waits_of_all_legs() -> None:
    found = user_data(SUBJECT, STORY, final=True)
    assert found["_CB_FINAL_RECORD"] == 1
    assert [found[f"_CB_DIAL_{number}_RESULT"] for number in (1, 2)] == ["BUSY", "CONNECTED"]
    assert "_CB_DIAL_3_RESULT" not in found
    assert found["_CB_D_WAITING_FOR_AGENT_OFFLINE"] == 99 + 2
    assert found["_CB_D_ESTABLISH_MEDIA_IXN"] == 10 + 7
    assert found["_CB_D_CUSTOMER_CONNECTED_WAITING_FOR_AGENT"] == 4
    # The wait on the phone before the callback is part of it.
    assert found["_CB_D_TOTAL_WAIT"] == 1213 - 940
    assert (found["_CB_POS_WHEN_READY_TO_START_MEDIA_IXN"], found["_CB_DISPOSITION"]) == (
        1,
        "AGENT_CONNECTED",
    )


def test_a_customer_who_was_never_reached_has_no_total_wait() -> None:
    found = user_data(SUBJECT, STORY[:5], final=True)
    assert found["_CB_D_TOTAL_WAIT"] == -1
    assert found["_CB_D_CUSTOMER_CONNECTED_WAITING_FOR_AGENT"] == 0


def test_a_customer_who_was_there_and_went_was_a_person() -> None:
    story = [what("DIALLING", 1.0), what("CUSTOMER", 2.0), what("SNOOZED", 3.0, lives=False)]
    assert user_data(SUBJECT, story, final=True)["_CB_DIAL_1_RESULT"] == "PERSON"
