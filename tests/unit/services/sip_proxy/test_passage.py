"""What leads a call through the WebRTC gateway and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.services.sip_proxy.passage import (
    PARAM,
    Passage,
    is_plain_rtp,
    mark_of,
    place_of,
    unveil,
    veil,
)
from ringback.sip import Request, SipUri
from ringback.sip.transport import Destination

KEY = b"k" * 32
words = st.text(st.characters(min_codepoint=32, max_codepoint=1000), max_size=40)


@given(words, words, words)
def test_a_passage_comes_back_as_it_was_sealed(tenant: str, uri: str, contact: str) -> None:
    passage = Passage(tenant=tenant, mark="@webrtc 192.0.2.1:5070", uri=uri, contact=contact)
    through = SipUri.parse(passage.through("8000", "192.0.2.9", 5080, KEY))
    assert (through.host, through.port, through.transport, through.user) == ("192.0.2.9", 5080, "tcp", "8000")
    assert Passage.of(through, KEY) == passage


def test_no_other_key_and_no_other_word_makes_a_passage() -> None:
    through = SipUri.parse(Passage(tenant="demo", mark="").through(None, "192.0.2.9", 5080, KEY))
    assert Passage.of(through, b"x" * 32) is None
    assert Passage.of(SipUri("sip", "8000", "a", None, {PARAM: "bm8"}), KEY) is None
    assert Passage.of(SipUri("sip", "8000", "a"), KEY) is None
    veiled = Request("INVITE", "sip:a@b")
    veiled.add("Contact", "<sip:c@d>")
    veil(veiled, KEY)
    assert veiled.contact is not None
    assert Passage.of(SipUri("sip", "x", "a", None, {PARAM: veiled.contact.uri.user}), KEY) is None


@pytest.mark.parametrize(
    "place", [Destination("udp", "192.0.2.1", 5070), Destination("udp", "2001:db8::1", 5071)]
)
def test_a_mark_leads_back_to_its_gateway(place: Destination) -> None:
    assert place_of(mark_of(place)) == place
    assert place_of("node-1") is None
    assert place_of("@registrar") is None
    assert place_of("@webrtc :x") is None


def test_a_contact_is_hidden_whole_and_found_again() -> None:
    request = Request("INVITE", "sip:a@b")
    request.add("Contact", '"G" <sip:gw@192.0.2.1:5071;transport=tcp;leg=7>;+sip.instance="<urn:x>"')
    veil(request, KEY)
    contact = request.contact
    assert contact is not None
    assert "leg" not in contact.uri.params
    assert unveil(contact.uri, KEY) == "sip:gw@192.0.2.1:5071;transport=tcp;leg=7"
    assert contact.params["+sip.instance"] == '"<urn:x>"'
    assert unveil(SipUri("sip", "1001", "edge"), KEY) is None


def test_only_plain_audio_needs_no_gateway() -> None:
    head = b"v=0\r\nm=audio "
    assert is_plain_rtp(head + b"4000 RTP/AVP 0\r\n")
    assert is_plain_rtp(head + b"4000/2 RTP/AVP 0\r\n")
    assert not is_plain_rtp(head + b"9 UDP/TLS/RTP/SAVPF 111\r\n")
    assert not is_plain_rtp(head + b"9 RTP/SAVP 0\r\na=x: m=audio 1 RTP/AVP 0\r\n")
    assert not is_plain_rtp(b"")
