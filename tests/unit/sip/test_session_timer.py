"""Session timers (RFC 4028)."""

import pytest

from ringback.sip.errors import SipParseError
from ringback.sip.message import Request, Response
from ringback.sip.session_timer import (
    SessionExpires,
    SessionTimer,
    agreed,
    answer,
    ask,
    is_too_brief,
    longer,
)


def request(*headers: tuple[str, str]) -> Request:
    return Request("INVITE", "sip:a@example.com", headers)


SUPPORTED = ("Supported", "100rel, timer")


class TestAnswering:
    """Section 9, table 2."""

    def test_who_does_not_know_the_extension_gets_no_timer(self) -> None:
        assert answer(request(("Session-Expires", "1800")), 1800, 90) == (None, [])

    @pytest.mark.parametrize(
        ("asked", "refresher", "ours"), [("600", "uac", False), ("600;refresher=uas", "uas", True)]
    )
    def test_the_refresher_is_who_the_caller_said(self, asked: str, refresher: str, ours: bool) -> None:
        timer, headers = answer(request(SUPPORTED, ("Session-Expires", asked)), 1800, 90)
        assert timer == SessionTimer(600, ours)
        assert headers == [("Session-Expires", f"600;refresher={refresher}"), ("Require", "timer")]

    def test_without_a_wish_the_interval_is_ours_but_not_below_theirs(self) -> None:
        assert answer(request(SUPPORTED), 1800, 90)[0] == SessionTimer(1800, False)
        timer, _ = answer(request(SUPPORTED, ("Min-SE", "3600")), 1800, 90)
        assert timer is not None
        assert timer.seconds == 3600

    def test_an_interval_below_ours_is_too_brief(self) -> None:
        assert is_too_brief(request(SUPPORTED, ("Session-Expires", "89")), 90)
        assert not is_too_brief(request(SUPPORTED, ("Session-Expires", "90")), 90)

    def test_who_cannot_understand_422_is_not_given_one(self) -> None:
        assert not is_too_brief(request(("Session-Expires", "30")), 90)


class TestAsking:
    def test_the_answer_says_who_refreshes(self) -> None:
        """Section 7.2."""
        for text, ours in (("300;refresher=uac", True), ("300;refresher=uas", False), ("300", True)):
            assert agreed(Response(200, headers=[("Session-Expires", text)])) == SessionTimer(300, ours)

    def test_an_answer_without_it_means_no_timer(self) -> None:
        assert agreed(Response(200)) is None

    def test_422_is_tried_again_with_what_it_asks_for(self) -> None:
        """Section 7.3."""
        assert longer(90, Response(422, headers=[("Min-SE", "400")])) == 400
        assert longer(400, Response(422, headers=[("Min-SE", "400")])) is None
        assert longer(90, Response(422)) is None
        assert longer(90, Response(486, headers=[("Min-SE", "400")])) is None

    def test_the_request_says_interval_and_least(self) -> None:
        assert ask(1800, 90, "uac") == [("Session-Expires", "1800;refresher=uac"), ("Min-SE", "90")]


@pytest.mark.parametrize(
    ("timer", "wait_s"),
    [
        (SessionTimer(1800, True), 900),
        (SessionTimer(1800, False), 1768),
        (SessionTimer(90, True), 45),
        (SessionTimer(90, False), 60),
    ],
)
def test_refresh_at_half_time_and_the_end_before_the_last_moment(timer: SessionTimer, wait_s: float) -> None:
    """Section 10."""
    assert timer.wait_s == wait_s


@pytest.mark.parametrize("text", ["", "x", "0", "-5", "99999999999999"])
def test_a_torn_interval_is_refused(text: str) -> None:
    with pytest.raises(SipParseError):
        SessionExpires.parse(text)
