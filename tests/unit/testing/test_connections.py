from rich.console import Console

from ringback.connections import CONNECTIONS
from ringback.testing.connections import ConnectionRow, rows, silent, table


def test_all_77_connections_are_there_with_their_messages() -> None:
    found = rows({"voice-27": 5, "not-in-the-table": 9})
    assert [row.id for row in found] == [each.id for each in CONNECTIONS]
    assert len(found) == 77
    assert {row.id: row.messages for row in found if row.messages} == {"voice-27": 5}


def test_a_built_connection_without_messages_is_silent() -> None:
    found = [
        ConnectionRow("a", "x", "y", "HTTP", "1", True, 0),
        ConnectionRow("b", "x", "y", "HTTP", "1", True, 2),
    ]
    unbuilt = ConnectionRow("c", "x", "y", "HTTP", "1", False, 0)
    assert silent([*found, unbuilt]) == ["a"]


def test_the_table_counts_what_is_built_and_what_carries() -> None:
    console = Console(width=200, record=True, file=None, quiet=True)
    picture = table([ConnectionRow("voice-1", "CX", "Tenant", "TCP", "5050", True, 1234)])
    assert picture.title == "1 connections, 1 built, 1 have carried data"
    console.quiet = False
    with console.capture() as seen:
        console.print(picture)
    assert "1,234" in seen.get()
