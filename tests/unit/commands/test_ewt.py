"""`ringback ewt evaluate`."""

import json
import re
from pathlib import Path

import pytest

from ringback.cli import main
from ringback.commands.ewt import read_log
from ringback.domain.routing.waiting import PREDICTORS, LogError, Replay

HEADER = "arrival,queue,priority,outcome,queue_exit,service_start,service_end,server\n"
DAY = 86400


def written(folder: Path, text: str) -> Path:
    path = folder / "log.csv"
    path.write_text(text, encoding="utf-8")
    return path


def two_days(folder: Path) -> Path:
    """One server; every minute a call that waits as long as the one before is served."""
    rows = []
    for day in range(2):
        for number in range(100):
            at = day * DAY + number * 60
            rows.append(f"{at},sales,0,answered,{at + 60},{at + 60},{at + 120},ann")
        rows.append(f"{day * DAY + 7000},sales,1,abandoned,{day * DAY + 7010},,,")
    return written(folder, HEADER + "\n".join(rows) + "\n")


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["ewt", "evaluate", *arguments])
    return int(str(stopped.value.code))


def test_json_has_every_predictor_per_queue_and_for_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(str(two_days(tmp_path)), "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert [(queue["queue"], queue["calls"]) for queue in report["queues"]] == [("sales", 100), (None, 100)]
    for queue in report["queues"]:
        assert tuple(each["predictor"] for each in queue["predictors"]) == PREDICTORS
        assert {"rmse", "rrase", "mae", "p90_coverage"} <= queue["predictors"][0].keys()
        assert queue["predictors"][0]["rmse"] == 0.0


def test_people_get_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(two_days(tmp_path))) == 0
    printed = capsys.readouterr().out
    for word in ("queue sales", "all queues", "RRASE", "P90 coverage", *PREDICTORS):
        assert word in printed


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("x,a,0,answered,1,1,2,s", "arrival 'x'"),
        ("nan,a,0,answered,1,1,2,s", "arrival 'nan'"),
        ("5,a,0,answered,1,1,2,s", "queue_exit is before arrival"),
        ("1,a,0,lost,1,1,2,s", "outcome 'lost'"),
        ("1,a,high,answered,1,1,2,s", "priority 'high'"),
        ("1,a", "too few columns"),
        ("9,a,0,answered,9,8,12,s", "service_start is before arrival"),
        ("1,a,0,answered,1,5,4,s", "service_end is before service_start"),
        ("1700000000000,a,0,answered,1700000001000,,,s", "milliseconds"),
        ('1,"a' + "b" * 200_000 + ",0,answered,1,1,2,s", "quotation mark left open"),
        ("1,a,0,answered\n,1,1,2,s", "too few columns"),
        ('1,"a\nb",0,' + "y" * 500 + ",1,1,2,s", "outcome 'y{40}…' is neither"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(LogError, match=f"line 3: .*{said}"):
        list(read_log(written(tmp_path, f"{HEADER}1,a,0,answered,1,1,2,s\n{row}\n")))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("arrival,queue\n", "no column 'priority'; needed are arrival, .*; found are 'arrival', 'queue'$"),
        (HEADER.replace(",", ";"), "no column 'arrival'; .*; found are 'arrival;queue;priority;outc"),
        ("", "the file is empty"),
        (HEADER, "there must be two or more"),
    ],
)
def test_a_file_that_is_no_log_is_named_with_what_it_holds(
    tmp_path: Path, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log = written(tmp_path, text)
    assert run(str(log)) == 1
    printed = capsys.readouterr().err
    assert str(log) in printed
    assert re.search(said, printed.strip())


def test_names_of_queues_are_shown_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = two_days(tmp_path)
    log.write_text(log.read_text().replace(",sales,", ",[red]VIP[/x] :car:,"))
    assert run(str(log)) == 0
    assert "queue [red]VIP[/x] :car:: 100 calls" in capsys.readouterr().out


def test_headings_may_have_blanks_around_them(tmp_path: Path) -> None:
    [call] = read_log(written(tmp_path, HEADER.replace(",", " , ") + "1,q,0,answered,5,5,9,s\n"))
    assert (call.arrival, call.service_end) == (1.0, 9.0)


def test_somebody_who_waits_for_a_long_log_sees_how_far_it_is(tmp_path: Path) -> None:
    calls = list(read_log(two_days(tmp_path)))
    seen: list[int] = []
    Replay(calls * 10).run(seen.append)
    assert seen == [0, 1000, 2000]


def test_columns_may_stand_in_any_order(tmp_path: Path) -> None:
    header = "server,note,service_end,service_start,queue_exit,outcome,priority,queue,arrival"
    [call] = read_log(written(tmp_path, f"{header}\ns,x,9,5,5,answered,2,q,1\n"))
    assert (call.arrival, call.queue_exit, call.service_end, call.server) == (1.0, 5.0, 9.0, "s")
    assert (call.queue, call.priority, call.answered) == ("q", 2, True)
