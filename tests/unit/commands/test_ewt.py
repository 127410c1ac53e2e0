"""`ringback ewt evaluate`."""

import json
from pathlib import Path

import pytest

from ringback.cli import main
from ringback.commands.ewt import read_log
from ringback.domain.routing.waiting import PREDICTORS, LogError

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
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(LogError, match=f"line 3: .*{said}"):
        list(read_log(written(tmp_path, f"{HEADER}1,a,0,answered,1,1,2,s\n{row}\n")))


def test_a_missing_column_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(written(tmp_path, "arrival,queue\n"))) == 1
    assert "no column 'priority'" in capsys.readouterr().err


def test_columns_may_stand_in_any_order(tmp_path: Path) -> None:
    header = "server,note,service_end,service_start,queue_exit,outcome,priority,queue,arrival"
    [call] = read_log(written(tmp_path, f"{header}\ns,x,9,5,5,answered,2,q,1\n"))
    assert (call.arrival, call.queue_exit, call.service_end, call.server) == (1.0, 5.0, 9.0, "s")
    assert (call.queue, call.priority, call.answered) == ("q", 2, True)
