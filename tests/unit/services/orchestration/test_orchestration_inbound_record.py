"""Who the customer of a call on a route point is."""

import pytest

from ringback.contracts.events import CallEvent, CallType
from ringback.services.orchestration.consumers import inbound_record


@pytest.mark.parametrize(
    ("call_type", "ani", "other", "seen"),
    [
        (CallType.INBOUND, "+15550001", "+15550001", ("+15550001", "8000")),
        (CallType.INBOUND, "", "+15550001", ("+15550001", "8000")),
        (CallType.OUTBOUND, "+15551000", "+15550009", ("+15550009", "+15551000")),
        (CallType.OUTBOUND, "", "+15550009", ("+15550009", "8000")),
    ],
)
def test_the_customer_is_the_other_side_whoever_has_called(
    call_type: CallType, ani: str, other: str, seen: tuple[str, str]
) -> None:
    event = CallEvent(
        id="EventRouteRequest",
        time=5.0,
        tenant="demo",
        conn_id="00aa",
        this_dn="8000",
        other_dn=other,
        ani=ani,
        call_type=call_type,
    )
    record = inbound_record(event, 1, "1-0")
    assert (record.ani, record.dnis) == seen
    interaction = record.data["interaction"]
    assert (interaction["ani"], interaction["dnis"]) == seen
