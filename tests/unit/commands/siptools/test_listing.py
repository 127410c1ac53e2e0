"""What sip_proxy lists, for people and as JSON."""

import json

import pytest
from rich.console import Console

from ringback.commands.siptools import bans, listing, webrtc
from ringback.contracts.sip import Ban, WebrtcState

BAN = Ban(source="192.0.2.7", reason="password", until=1090.0, count=2)
GATEWAY = WebrtcState(address="udp:192.0.2.1:5070", health="out", status=408, draining=False)


def shown(table: object) -> str:
    console = Console(width=160)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def test_a_ban_says_who_why_and_for_how_long() -> None:
    text = shown(bans.table([BAN], 1000.0))
    assert all(part in text for part in ("192.0.2.7", "password", "1 min", "2"))


def test_a_gateway_says_how_it_is_and_whether_it_takes_calls() -> None:
    text = shown(webrtc.table([GATEWAY, WebrtcState(address="b", health="in", status=0, draining=True)], 0.0))
    assert all(part in text for part in ("udp:192.0.2.1:5070", "out", "408", "in, takes no new calls"))


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1.0, "0 s"), (59.4, "59 s"), (61.0, "1 min"), (7500.0, "2 h 5 min")]
)
def test_a_time_is_short(seconds: float, text: str) -> None:
    assert listing.duration(seconds) == text


def test_rows_are_printed_whole_as_json_and_none_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows: list[Ban] = [BAN]
    monkeypatch.setattr(listing, "talk", lambda data, service, ask: rows)
    bans.list_bans(None, as_json=True)
    assert json.loads(capsys.readouterr().out)[0]["source"] == "192.0.2.7"
    rows.clear()
    bans.list_bans(None, as_json=False)
    assert "Nobody is banned." in capsys.readouterr().out
