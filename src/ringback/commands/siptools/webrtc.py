"""`ringback sip webrtc`: the WebRTC media gateways as sip_proxy finds them."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from ringback.commands.showing import columns
from ringback.commands.siptools.listing import list_rows
from ringback.contracts.sip import WebrtcState


def list_gateways(data: Path | None, *, as_json: bool) -> None:
    """Print the gateways."""
    nothing = "There are no WebRTC gateways: browsers' calls go their way as they are."
    list_rows(data, "/webrtc", WebrtcState, table, nothing, as_json=as_json)


def table(rows: list[WebrtcState], _now: float) -> Table:
    """The gateways for people."""
    found = columns("gateway", "service", "last answer")
    for row in rows:
        service = f"{row.health}, takes no new calls" if row.draining else row.health
        found.add_row(row.address, service, str(row.status or ""))
    return found
