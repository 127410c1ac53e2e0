"""The router's book of open requests."""

from ringback.contracts.routing import SubmitRequest
from ringback.contracts.rq import OpenRequest
from ringback.domain.routing.messages import Reserve
from ringback.services.tenant.book import (
    RequestBook,
    read_reservation,
    reservation_id,
    to_reservation,
    to_submit,
)


def request(name: str, **more: object) -> OpenRequest:
    fields = {"vq": "Q", "target": "A>0", "arrival_time": 5.0, "conn_id": f"c-{name}", **more}
    submit = SubmitRequest(request_id=name, tenant="demo", interaction_id=f"i-{name}", **fields)  # type: ignore[arg-type]
    return OpenRequest(submit, 7, 3)


def test_a_request_is_found_by_each_of_its_names_until_it_is_finished() -> None:
    book = RequestBook()
    assert book.add(request("r1", session_id="s1"))
    assert not book.add(request("r1"))
    assert [book.find(name) for name in ("r1", "c-r1", "i-r1", "s1")] == ["r1"] * 4
    book.remove("r1")
    assert [book.find(name) for name in ("r1", "c-r1", "i-r1", "s1")] == [""] * 4


def test_the_name_of_a_later_request_of_the_same_call_stays() -> None:
    book = RequestBook()
    book.add(request("r1"))
    book.add(request("r2", conn_id="c-r1"))
    book.remove("r1")
    assert book.find("c-r1") == "r2"


def test_callbacks_are_counted_by_queue() -> None:
    book = RequestBook()
    book.add(request("r1", kind="callback"))
    book.add(request("r2"))
    assert book.callbacks["Q"] == 1
    book.remove("r1")
    assert book.callbacks["Q"] == 0


def test_results_are_numbered_after_those_of_the_time_before() -> None:
    book = RequestBook()
    book.add(request("r1"))
    known = book.get("r1")
    assert known is not None
    assert [known.next_seq(), known.next_seq()] == [4, 5]


def test_a_reservation_names_request_and_attempt() -> None:
    assert read_reservation(reservation_id("a:b", 12)) == ("a:b", 12)
    assert read_reservation("") == ("", 0)
    assert read_reservation("something else") == ("", 0)


def test_without_a_timeout_a_request_waits_without_end() -> None:
    assert to_submit(request("r1"), 10.0).timeout is None
    assert to_submit(request("r1", timeout_s=3.0), 10.0).timeout == 3.0


def test_a_callback_expects_no_call_yet() -> None:
    reserve = Reserve("r1", "kim", 1, 1, "Q", "A>0", 9.0, 1.0)
    assert to_reservation(request("r1").submit, reserve, 10.0).conn_id == "c-r1"
    assert to_reservation(request("r1", kind="callback").submit, reserve, 60.0).conn_id == ""
