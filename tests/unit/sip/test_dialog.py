"""Dialogs (RFC 3261 12)."""

import json

import pytest

from ringback.sip import Dialog, DialogError, NameAddr, Request, response_to
from ringback.sip.dialog import id_of_request, next_hop_of


def invite() -> Request:
    return Request(
        "INVITE",
        "sip:bob@example.com",
        [
            ("Via", "SIP/2.0/UDP a;branch=z9hG4bK1"),
            ("Record-Route", "<sip:p2;lr>, <sip:p1;lr>"),
            ("From", "<sip:alice@example.com>;tag=a"),
            ("To", "<sip:bob@example.com>"),
            ("Call-ID", "call"),
            ("CSeq", "5 INVITE"),
            ("Contact", "<sip:alice@10.0.0.1:5062>"),
        ],
    )


def both() -> tuple[Dialog, Dialog]:
    request = invite()
    response = response_to(
        request, 200, to_tag="b", headers=[("Contact", "<sip:bob@10.0.0.2;transport=tcp>")]
    )
    return Dialog.from_response(request, response), Dialog.from_request(request, "b", confirmed=True)


def test_both_sides_see_one_dialog() -> None:
    """RFC 3261 12.1.1, 12.1.2: the route sets are the reverse of each other."""
    uac, uas = both()
    assert uac.id == (uas.call_id, uas.remote_tag, uas.local_tag)
    assert uac.route_set == uas.route_set[::-1] == ["<sip:p1;lr>", "<sip:p2;lr>"]
    assert (uac.target, uas.target) == ("sip:bob@10.0.0.2;transport=tcp", "sip:alice@10.0.0.1:5062")


def test_a_request_inside_has_the_next_number_the_target_and_the_routes() -> None:
    """RFC 3261 12.2.1.1."""
    uac, uas = both()
    bye = uac.request("BYE")
    assert str(bye.cseq) == "6 BYE"
    assert bye.raw_uri == "sip:bob@10.0.0.2;transport=tcp"
    assert str(next_hop_of(bye)) == "sip:p1;lr"
    assert id_of_request(bye) == uas.id
    uas.receive(bye)


def test_the_ack_keeps_the_number_of_the_invite() -> None:
    """RFC 3261 13.2.2.4."""
    uac, _ = both()
    uac.request("INVITE")
    assert str(uac.ack(6).cseq) == "6 ACK"
    assert str(uac.request("BYE").cseq) == "7 BYE"


def test_an_old_number_is_answered_500_and_a_foreign_tag_481() -> None:
    """RFC 3261 12.2.2."""
    uac, uas = both()
    first, second = uac.request("INFO"), uac.request("INFO")
    uas.receive(second)
    for request, status in ((first, 500), (second, 500)):
        with pytest.raises(DialogError) as caught:
            uas.receive(request)
        assert caught.value.status == status
    foreign = uac.request("BYE")
    foreign.set("To", "<sip:bob@example.com>;tag=other")
    with pytest.raises(DialogError) as caught:
        uas.receive(foreign)
    assert caught.value.status == 481


def test_a_reinvite_moves_the_target() -> None:
    uac, uas = both()
    uas.receive(uac.request("INVITE", contact=NameAddr.parse("<sip:alice@10.9.9.9>")))
    assert uas.target == "sip:alice@10.9.9.9"


def test_a_strict_router_gets_the_request_uri() -> None:
    uac, _ = both()
    uac.route_set = ["<sip:old.example.com>", "<sip:p2;lr>"]
    bye = uac.request("BYE")
    assert bye.raw_uri == "sip:old.example.com"
    assert bye.values("Route") == ["<sip:p2;lr>", "<sip:bob@10.0.0.2;transport=tcp>"]


def test_a_snapshot_survives_json_and_goes_on_counting() -> None:
    uac, uas = both()
    uac.request("INFO")
    again = Dialog.from_dict(json.loads(json.dumps(uac.to_dict())))
    assert again == uac
    assert str(again.request("BYE").cseq) == "7 BYE"
    assert Dialog.from_dict(json.loads(json.dumps(uas.to_dict()))) == uas


def test_a_response_without_tag_or_contact_makes_no_dialog() -> None:
    request = invite()
    with pytest.raises(DialogError):
        Dialog.from_response(request, response_to(request, 180))
