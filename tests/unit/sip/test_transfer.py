"""Headers of transfers: RFC 3515, 3891, 3892, 4488, and of redirection and reasons."""

import pytest

from ringback.sip.errors import SipParseError
from ringback.sip.message import Request, Response
from ringback.sip.reason_header import ELSEWHERE, Reason, reason_of, sip_reason
from ringback.sip.transfer import Referral, Replaces, notify_headers, redirect_targets, replaces_of, sipfrag


def refer(*headers: tuple[str, str]) -> Request:
    return Request("REFER", "sip:node@example.com", headers)


class TestRefer:
    def test_a_blind_transfer_names_a_target(self) -> None:
        """RFC 3515 2.1; RFC 3892."""
        found = Referral.of(
            refer(("Refer-To", "Bob <sip:1002@example.com>"), ("b", "<sip:1001@example.com>"))
        )
        assert (str(found.target), found.replaces, found.wants_notify) == (
            "sip:1002@example.com",
            None,
            True,
        )
        assert found.referred_by == "<sip:1001@example.com>"

    def test_an_attended_transfer_names_the_dialog_in_the_target(self) -> None:
        """RFC 3891 6.1, RFC 5589 7.3."""
        dialog = Replaces("a84@host", "7743", "6472")
        found = Referral.of(refer(("Refer-To", f"<sip:1002@example.com?Replaces={dialog.escaped()}>")))
        assert found.replaces == dialog
        assert str(found.target) == "sip:1002@example.com"

    def test_refer_sub_false_wants_no_notify(self) -> None:
        """RFC 4488 4."""
        headers = (("Refer-To", "<sip:1@example.com>"), ("Refer-Sub", "FALSE"))
        assert not Referral.of(refer(*headers)).wants_notify

    @pytest.mark.parametrize(
        "values", [[], ["<sip:1@a>", "<sip:2@a>"], ["<sip:1@a;method=BYE>"], ["<sip:1@a?Replaces=x>"], ["%"]]
    )
    def test_a_torn_refer_is_refused(self, values: list[str]) -> None:
        """RFC 3515 2.4.2."""
        with pytest.raises(SipParseError):
            Referral.of(refer(*(("Refer-To", value) for value in values)))

    def test_progress_is_a_status_line(self) -> None:
        """RFC 3515 2.4.5, 2.4.7."""
        assert sipfrag(180) == b"SIP/2.0 180 Ringing\r\n"
        assert notify_headers(180, 60, "7") == [
            ("Event", "refer;id=7"),
            ("Subscription-State", "active;expires=60"),
        ]
        assert notify_headers(200, 60)[1] == ("Subscription-State", "terminated;reason=noresource")


class TestReplaces:
    def test_tags_are_seen_from_the_one_who_is_asked(self) -> None:
        """RFC 3891 6.1."""
        found = Replaces.parse("12345@192.0.2.1;from-tag=54321;to-tag=12345;early-only")
        assert found == Replaces("12345@192.0.2.1", "12345", "54321", True)
        assert Replaces.parse(str(found)) == found

    @pytest.mark.parametrize(
        "text", ["", "x", ";to-tag=1;from-tag=2", "x;to-tag=1", "x;to-tag=1;to-tag=3;from-tag=2"]
    )
    def test_what_names_no_dialog_is_refused(self, text: str) -> None:
        with pytest.raises(SipParseError):
            Replaces.parse(text)

    def test_two_of_them_are_refused(self) -> None:
        """RFC 3891 3."""
        value = ("Replaces", "x;to-tag=1;from-tag=2")
        with pytest.raises(SipParseError):
            replaces_of(Request("INVITE", "sip:a@b", [value, value]))


class TestReason:
    def test_sip_and_q850_are_read(self) -> None:
        """RFC 3326 2."""
        assert Reason.parse('SIP ;cause=200 ;text="Call completed elsewhere"') == ELSEWHERE
        assert Reason.parse("q.850;cause=16") == Reason("Q.850", 16)
        assert str(sip_reason(486)) == 'SIP;cause=486;text="Busy Here"'

    @pytest.mark.parametrize("text", ["", "SIP", "SIP;text=x", "other;cause=1", "SIP;cause=x", "SIP;=;"])
    def test_what_says_nothing_is_none(self, text: str) -> None:
        assert Reason.parse(text) is None

    def test_the_first_that_can_be_read_counts(self) -> None:
        bye = Request("BYE", "sip:a@b", [("Reason", "preemption;cause=1, Q.850;cause=17")])
        assert reason_of(bye) == Reason("Q.850", 17)
        assert reason_of(Request("BYE", "sip:a@b")) is None


def test_redirection_prefers_the_highest_q() -> None:
    """RFC 3261 8.1.3.4."""
    moved = Response(302, headers=[("Contact", "<sip:1@a>;q=0.2, <sip:2@a>"), ("Contact", "<sip:3@a>;q=x")])
    assert [uri.user for uri in redirect_targets(moved)] == ["2", "1", "3"]
    assert redirect_targets(Response(302)) == []
