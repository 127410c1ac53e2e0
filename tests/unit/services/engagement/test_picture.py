import pytest

from ringback.contracts.events import CallType
from ringback.contracts.views import CallView
from ringback.services.engagement.picture import without_customer


def call(call_type: int, ani: str, dnis: str) -> CallView:
    return CallView(
        tenant="demo",
        conn_id="1",
        call_uuid="1",
        call_type=call_type,
        state="Established",
        started=0,
        ani=ani,
        dnis=dnis,
    )


@pytest.mark.parametrize(
    ("call_type", "ani", "dnis"),
    [
        (CallType.INBOUND, "+12•••••••23", "+12025550100"),
        (CallType.UNKNOWN, "+12•••••••23", "+12025550100"),
        (CallType.OUTBOUND, "+12025550123", "+12•••••••00"),
        (CallType.INTERNAL, "+12025550123", "+12025550100"),
    ],
)
def test_the_customers_number_is_masked_and_ours_is_not(call_type: int, ani: str, dnis: str) -> None:
    shown = without_customer(call(call_type, "+12025550123", "+12025550100"))
    assert (shown.ani, shown.dnis) == (ani, dnis)
