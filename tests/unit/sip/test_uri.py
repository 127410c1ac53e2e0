"""URIs, name-addrs and Via (RFC 3261 19.1, 20.10, 20.42)."""

import pytest

from ringback.sip import NameAddr, SipParseError, SipUri, Via
from ringback.sip.uri import split_commas


def test_all_parts_of_a_uri_are_read_and_written() -> None:
    text = "sips:alice:secret@atlanta.example.com:5061;transport=tcp;lr?Replaces=a%40b&X=1"
    uri = SipUri.parse(text)
    assert (uri.scheme, uri.user, uri.password, uri.host, uri.port) == (
        "sips",
        "alice",
        "secret",
        "atlanta.example.com",
        5061,
    )
    assert uri.params == {"transport": "tcp", "lr": None}
    assert uri.header("replaces") == "a@b"
    assert str(uri) == text


@pytest.mark.parametrize(
    "text",
    ["sip:", "sip:@host", "sip:a@ho st", "sip:a@host:0", "sip:a@host:65536", "a@b", "sip:a@[::1", "sip:a@-"],
)
def test_a_bad_uri_is_refused_with_400(text: str) -> None:
    with pytest.raises(SipParseError) as caught:
        SipUri.parse(text)
    assert caught.value.status == 400


class TestRfc3261Section19_1_4:  # noqa: N801
    """Comparison of URIs."""

    @pytest.mark.parametrize(
        ("left", "right"),
        [
            ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
        ],
    )
    def test_equal(self, left: str, right: str) -> None:
        assert SipUri.parse(left).matches(SipUri.parse(right))

    @pytest.mark.parametrize(
        ("left", "right"),
        [
            ("sip:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ],
    )
    def test_different(self, left: str, right: str) -> None:
        assert not SipUri.parse(left).matches(SipUri.parse(right))


def test_tel_and_foreign_uris_keep_their_text() -> None:
    assert SipUri.parse("tel:+15551234;phone-context=x").number == "+15551234"
    assert str(SipUri.parse("http://example.com/a")) == "http://example.com/a"


def test_an_aor_is_unescaped_and_without_parameters() -> None:
    assert SipUri.parse("sip:%61lice@Example.COM;transport=tcp").aor() == "sip:alice@example.com"


@pytest.mark.parametrize(
    ("text", "display", "tag"),
    [
        ('"A \\"B\\" <x>, C" <sip:a@b>;tag=1', 'A "B" <x>, C', "1"),
        ("Bob  <sip:bob@b;lr>", "Bob", None),
        ("sip:bob@b;tag=77", "", "77"),
    ],
)
def test_a_name_addr_survives_the_round_trip(text: str, display: str, tag: str | None) -> None:
    address = NameAddr.parse(text)
    assert (address.display, address.tag) == (display, tag)
    assert NameAddr.parse(str(address)) == address


def test_parameters_without_angle_brackets_belong_to_the_header() -> None:
    """RFC 3261 20.10."""
    address = NameAddr.parse("sip:carol@chicago.com;expires=5")
    assert address.uri.params == {}
    assert address.params == {"expires": "5"}


@pytest.mark.parametrize(
    "text", ['"A <sip:a@b>', "A <sip:a@b", 'A" <sip:a@b>', "sip:a@b?x=1", "<sip:a@b>;;", "<sip:a@b> x"]
)
def test_a_bad_name_addr_is_refused(text: str) -> None:
    with pytest.raises(SipParseError):
        NameAddr.parse(text)


class TestRfc3581:
    """Where a response goes."""

    def test_received_and_rport_win(self) -> None:
        via = Via.parse("SIP/2.0/UDP host:5062;branch=z9hG4bKa;received=192.0.2.1;rport=9988")
        assert via.reply_address == ("192.0.2.1", 9988)

    def test_without_them_it_is_sent_by_with_port_5060(self) -> None:
        assert Via.parse("SIP / 2.0 / TCP  host ; branch = x").reply_address == ("host", 5060)

    def test_maddr_cannot_aim_the_response_elsewhere(self) -> None:
        via = Via.parse("SIP/2.0/UDP host;maddr=203.0.113.9;received=192.0.2.1")
        assert via.reply_address == ("192.0.2.1", 5060)


def test_commas_in_quotes_and_brackets_do_not_separate() -> None:
    assert split_commas('"a, b" <sip:a@b?x=1,2>, <sip:c@d>') == ['"a, b" <sip:a@b?x=1,2>', "<sip:c@d>"]
