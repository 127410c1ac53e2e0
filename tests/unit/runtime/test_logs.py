import io
import json
from collections.abc import Iterator

import pytest
import structlog

from ringback.runtime.logs import configure_logs, get_log


@pytest.fixture(autouse=True)
def afterwards_as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_a_line_is_one_json_object_with_service_and_node() -> None:
    stream = io.StringIO()
    configure_logs("info", stream)
    get_log("engagement", "n1").info("callback_created", callback_id="c1")
    line = json.loads(stream.getvalue())
    assert (line["event"], line["service"], line["node"], line["callback_id"]) == (
        "callback_created",
        "engagement",
        "n1",
        "c1",
    )


def test_user_data_never_reaches_a_line() -> None:
    stream = io.StringIO()
    configure_logs("info", stream)
    get_log("engagement", "n1").info("slip", user_data={"card": "4111"}, phone_number="+1202", password="p")
    assert "4111" not in stream.getvalue()
    assert "+1202" not in stream.getvalue()


def test_lines_below_the_level_are_not_written() -> None:
    stream = io.StringIO()
    configure_logs("warning", stream)
    get_log("engagement", "n1").info("chatter")
    assert stream.getvalue() == ""


def test_an_exception_is_part_of_its_line() -> None:
    stream = io.StringIO()
    configure_logs("info", stream)
    try:
        raise ValueError("broken")
    except ValueError:
        get_log("rq", "n1").exception("failed")
    assert "ValueError: broken" in json.loads(stream.getvalue())["exception"]
