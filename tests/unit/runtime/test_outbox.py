"""Reports in the outbox: what goes in comes out, in order, in few entries, none of them large."""

from hypothesis import given
from hypothesis import strategies as st

from ringback.runtime.outbox import TOGETHER, Report, entries_of, entry_of, reports_of
from ringback.runtime.streams import StreamEntry, parse_entries
from ringback.runtime.valkey import Argument

reports = st.builds(Report, st.text(), st.text(), st.binary(), st.sampled_from(["voice-50", "voice-56"]))


def stored(commands: list[tuple[Argument, ...]]) -> list[StreamEntry]:
    """The entries as Valkey gives them back."""
    rows = []
    for number, command in enumerate(commands):
        fields = [part.encode() if isinstance(part, str) else part for part in command[6:]]
        rows.append([b"%d-0" % number, fields])
    return parse_entries("outbox", rows)


@given(st.lists(reports, max_size=3 * TOGETHER))
def test_reports_come_out_as_they_went_in_many_in_an_entry(given_reports: list[Report]) -> None:
    entries = stored(entries_of(given_reports))
    assert [report for entry in entries for report in reports_of(entry)] == given_reports
    assert len(entries) == -(-len(given_reports) // TOGETHER)


def test_one_report_is_an_entry_that_every_version_can_read() -> None:
    report = Report("t", "k", b"v", "voice-56")
    assert entries_of([report]) == [entry_of(report)]
    assert stored([entry_of(report)])[0].fields["value"] == b"v"


def test_large_reports_are_spread_over_entries() -> None:
    large = [Report("t", "k", bytes(100_000), "voice-56")] * 5
    entries = stored(entries_of(large))
    assert [report for entry in entries for report in reports_of(entry)] == large
    assert all(sum(len(report.value) for report in reports_of(entry)) <= 300_000 for entry in entries)
