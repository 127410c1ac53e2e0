"""What `ringback sip trunks` shows."""

from rich.console import Console

from ringback.commands.siptools.trunks import table
from ringback.contracts.sip import GatewayState, TrunkState

STATE = TrunkState(
    tenant="demo",
    trunk="carrier",
    state="in",
    gateways=(GatewayState(address="udp:192.0.2.1:5060", health="in", status=200),),
    line="registered",
    reason="",
    registered_until=1090.0,
    calls=3,
    capacity=30,
    rejected=1,
)


def shown(*rows: TrunkState) -> str:
    console = Console(width=160)
    with console.capture() as captured:
        console.print(table(list(rows), 1000.0))
    return captured.get()


def test_a_trunk_in_service_shows_its_gateways_its_line_and_its_room() -> None:
    text = shown(STATE)
    for part in ("demo", "carrier", "udp:192.0.2.1:5060 in", "registered for 1 min", "3 of 30"):
        assert part in text


def test_a_line_that_is_refused_says_why() -> None:
    refused = TrunkState(
        tenant="demo",
        trunk="line",
        state="out",
        gateways=(),
        line="unregistered",
        reason="403 Forbidden",
        registered_until=0.0,
        calls=0,
        capacity=0,
        rejected=0,
    )
    assert "unregistered: 403 Forbidden" in shown(refused)
