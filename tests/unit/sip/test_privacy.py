"""Who is calling, and whether that may be told (RFC 3323, RFC 3325)."""

import pytest

from ringback.sip import Request
from ringback.sip.privacy import caller_number, cannot_be_kept, is_private, sender


def request(*headers: tuple[str, str]) -> Request:
    sender = ("From", "<sip:+12025550123@carrier.example>;tag=1")
    return Request("INVITE", "sip:8000@demo.example", [sender, *headers])


@pytest.mark.parametrize(
    ("privacy", "private"),
    [("id", True), ("Header; User", True), ("critical;id", True), ("none", False), ("session", False)],
)
def test_who_asks_for_it_is_not_named(privacy: str, private: bool) -> None:
    made = request(("Privacy", privacy), ("P-Asserted-Identity", "<tel:+12025550199>"))
    assert is_private(made) is private
    assert caller_number(made) == ("anonymous" if private else "+12025550199")


def test_the_asserted_number_comes_before_from_and_nonsense_is_passed_over() -> None:
    assert caller_number(request()) == "+12025550123"
    lines = (("P-Asserted-Identity", '"broken'), ("P-Asserted-Identity", "<sip:+12025550199@c;user=phone>"))
    assert caller_number(request(*lines)) == "+12025550199"


def test_what_cannot_be_hidden_is_refused_only_if_it_is_critical() -> None:
    assert cannot_be_kept(request(("Privacy", "session;critical")))
    assert not cannot_be_kept(request(("Privacy", "session")))
    assert not cannot_be_kept(request(("Privacy", "id;critical")))


def test_a_caller_who_is_not_named_has_the_from_of_rfc_3323_4_1_1_3() -> None:
    assert (
        str(sender("anonymous", "demo.example", "Alice")) == '"Anonymous" <sip:anonymous@anonymous.invalid>'
    )
    assert str(sender("1001", "demo.example", "Alice")) == '"Alice" <sip:1001@demo.example>'
