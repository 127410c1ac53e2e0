"""The notifier of RFC 6665, and the message-summary of RFC 3842."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.sip import Dialog, Request, response_to
from ringback.sip.events import TABLE, EventError, Input, Package, State, Subscription, read_subscribe
from ringback.sip.message_summary import PACKAGE, summary

PACKAGES = (PACKAGE, Package("presence", "application/pidf+xml"))


def subscribe(*headers: tuple[str, str]) -> Request:
    always = [
        ("Via", "SIP/2.0/UDP phone;branch=z9hG4bK1"),
        ("From", "<sip:1001@demo>;tag=theirs"),
        ("To", "<sip:1001@demo>"),
        ("Call-ID", "c"),
        ("CSeq", "1 SUBSCRIBE"),
        ("Contact", "<sip:1001@phone>"),
    ]
    return Request("SUBSCRIBE", "sip:1001@demo", [*always, *headers])


def active() -> Subscription:
    dialog = Dialog.from_request(subscribe(), "ours", confirmed=True)
    return Subscription(dialog, "message-summary", "", 100.0)


class TestSubscribe:
    """Section 4.2.1: what a SUBSCRIBE asks for."""

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [([], 3600), ([("Expires", "600")], 600), ([("Expires", "90000")], 7200), ([("Expires", "0")], 0)],
    )
    def test_the_time_is_the_asked_one_within_bounds(
        self, headers: list[tuple[str, str]], seconds: int
    ) -> None:
        wanted = read_subscribe(subscribe(("Event", "Message-Summary;id=7"), *headers), PACKAGES)
        assert (wanted.package, wanted.id, wanted.expires_s) == (PACKAGE, "7", seconds)

    @pytest.mark.parametrize("event", ["dialog", "", "message-summary.winfo", "presencex"])
    def test_an_unknown_package_is_489_and_the_known_are_named(self, event: str) -> None:
        """4.2.1.1 and 8.3.2."""
        with pytest.raises(EventError) as caught:
            read_subscribe(subscribe(("Event", event)), PACKAGES)
        assert (caught.value.status, caught.value.headers) == (
            489,
            (("Allow-Events", "message-summary, presence"),),
        )

    def test_too_short_is_423_with_the_least(self) -> None:
        with pytest.raises(EventError) as caught:
            read_subscribe(subscribe(("Event", "message-summary"), ("Expires", "5")), PACKAGES)
        assert (caught.value.status, caught.value.headers) == (423, (("Min-Expires", "60"),))

    @pytest.mark.parametrize(
        ("accept", "taken"),
        [
            ("application/simple-message-summary", True),
            ("text/plain, application/*", True),
            ("*/*", True),
            ("application/pidf+xml", False),
        ],
    )
    def test_who_cannot_read_it_is_406(self, accept: str, taken: bool) -> None:
        request = subscribe(("Event", "message-summary"), ("Accept", accept))
        if taken:
            assert read_subscribe(request, PACKAGES).package is PACKAGE
            return
        with pytest.raises(EventError) as caught:
            read_subscribe(request, PACKAGES)
        assert caught.value.status == 406


class TestLife:
    """Sections 4.1.3, 4.2.1.4 and 4.4.1."""

    def test_a_refresh_moves_the_end_and_zero_ends_it(self) -> None:
        subscription = active()
        again = read_subscribe(subscribe(("Event", "message-summary"), ("Expires", "600")), PACKAGES)
        step = subscription.refresh(again, 50.0)
        assert step is not None
        assert (step.reason, subscription.headers(50.0)[1][1]) == ("", "active;expires=600")
        stop = read_subscribe(subscribe(("Event", "message-summary"), ("Expires", "0")), PACKAGES)
        step = subscription.refresh(stop, 60.0)
        assert step is not None
        assert subscription.headers(60.0, step.reason)[1][1] == "terminated;reason=timeout"
        assert subscription.refresh(again, 61.0) is None

    def test_another_event_in_the_dialog_is_489(self) -> None:
        other = read_subscribe(subscribe(("Event", "message-summary;id=2")), PACKAGES)
        with pytest.raises(EventError):
            active().refresh(other, 0.0)

    @pytest.mark.parametrize(
        ("happened", "reason"),
        [(Input.REFUSED, "rejected"), (Input.EXPIRED, "timeout"), (Input.RESOURCE_GONE, "noresource")],
    )
    def test_each_end_says_why(self, happened: Input, reason: str) -> None:
        subscription = active()
        step = subscription.happens(happened)
        assert step is not None
        assert (subscription.state, step.reason) == (State.TERMINATED, reason)

    @pytest.mark.parametrize(
        ("status", "headers", "gone"),
        [(200, [], False), (481, [], True), (408, [], True), (503, [("Retry-After", "5")], False)],
    )
    def test_a_subscriber_who_does_not_know_it_is_gone(
        self, status: int, headers: list[tuple[str, str]], gone: bool
    ) -> None:
        """Section 4.2.2."""
        subscription = active()
        notify = subscription.notify(0.0, b"", "")
        notify.prepend("Via", "SIP/2.0/TCP us;branch=z9hG4bK2")
        assert subscription.answered(response_to(notify, status, headers=headers)) is gone
        assert (subscription.state is State.TERMINATED) is gone

    @given(st.lists(st.sampled_from(Input)))
    def test_nothing_follows_the_end(self, inputs: list[Input]) -> None:
        subscription, ended = active(), False
        for happened in inputs:
            step = subscription.happens(happened)
            assert (step is None) is ended
            ended = subscription.state is State.TERMINATED

    def test_every_input_is_provided_for_until_the_end(self) -> None:
        assert all(set(TABLE[state]) == set(Input) for state in (State.PENDING, State.ACTIVE))


def test_notifies_are_numbered_and_go_the_way_back() -> None:
    """4.2.2: inside the dialog that the SUBSCRIBE made."""
    subscription = active()
    first, second = (subscription.notify(0.0, b"x", "text/plain") for _ in range(2))
    assert (str(first.cseq), str(second.cseq)) == ("1 NOTIFY", "2 NOTIFY")
    assert (first.raw_uri, first.to_tag, first.from_tag) == ("sip:1001@phone", "theirs", "ours")
    assert (first.get("Event"), first.content_type) == ("message-summary", "text/plain")


def test_the_body_of_rfc_3842_5_2() -> None:
    assert summary("sip:1001@demo", 2, 8).decode() == (
        "Messages-Waiting: yes\r\nMessage-Account: sip:1001@demo\r\nVoice-Message: 2/8 (0/0)\r\n"
    )
    assert summary("sip:1001@demo", 0, 1).startswith(b"Messages-Waiting: no\r\n")
