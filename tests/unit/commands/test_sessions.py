"""What `ringback sessions` prints."""

import msgspec
import pytest
from rich.console import Console

from ringback.commands import sessions
from ringback.contracts.applications import SessionRow
from ringback.runtime.http import HttpFailure

ROW = SessionRow(
    session="ixn-U1",
    tenant="demo",
    kind="inbound",
    node="one",
    application="http://127.0.0.1:8480/apps/demo/inbound.scxml",
    route_point="8000",
    started=1000.0,
    states=["call", "line", "waiting"],
    pending=["queue.submit"],
)


def printed(*rows: SessionRow, width: int = 120) -> str:
    console = Console(width=width)
    with console.capture() as capture:
        console.print(sessions.listed(list(rows), 1090.0))
    return capture.get()


def test_a_session_says_where_it_is_and_what_it_waits_for() -> None:
    assert printed(ROW).splitlines() == [
        "1 live session",
        "ixn-U1",
        "  inbound by inbound, 1.5 m, on one: call line waiting",
        "  waits for queue.submit",
    ]


def test_an_id_can_be_copied_from_a_narrow_terminal() -> None:
    name = "cb-9d4fb4ea-e8a5-4429-835e-10a6fbe09c20-1"
    lines = printed(msgspec.structs.replace(ROW, session=name), width=50).splitlines()
    assert lines[1] == name


def test_no_session_is_said_as_that() -> None:
    assert printed().startswith("0 live sessions")


def test_a_session_that_ended_is_looked_for_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise HttpFailure(404, "no_session", "there is no such session")

    monkeypatch.setattr(sessions, "_get", refuse)
    with pytest.raises(HttpFailure, match="sessions list"):
        sessions.look(None, "", "ixn-U9", trace=False, as_json=False)


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0 s"), (59, "59 s"), (5400, "1.5 h"), (172_800, "2.0 d")]
)
def test_an_age_is_short(seconds: float, text: str) -> None:
    assert sessions.age(seconds) == text
