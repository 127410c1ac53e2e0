"""What a REGISTER asks for (RFC 3261 10.3)."""

import msgspec
import pytest

from ringback.contracts.sip import Binding
from ringback.services.registrar.asked import Asked
from ringback.services.registrar.bindings import Wish, binding_id, contact_lines, read_wish
from ringback.services.registrar.refused import Refused
from ringback.services.registrar.settings import RegistrarSettings
from ringback.sip import NameAddr, Request

SETTINGS = RegistrarSettings(default_expires_s=600, min_expires_s=10, max_expires_s=1000)
NOW = 1_000_000.0


def wish(*headers: tuple[str, str]) -> Wish:
    always = [
        ("To", "<sip:a@demo.example>"),
        ("Call-ID", "c"),
        ("CSeq", "4 REGISTER"),
        ("X-Ringback-Received", "udp:192.0.2.9:5060"),
    ]
    return read_wish(Asked.of(Request("REGISTER", "sip:demo.example", [*always, *headers])), NOW, SETTINGS)


def binding(made: Wish, number: int = 0) -> Binding:
    return msgspec.json.decode(made.changes[number].value, type=Binding)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([("Contact", "<sip:a@h>;expires=60"), ("Expires", "90")], 60),
        ([("Contact", "<sip:a@h>"), ("Expires", "90")], 90),
        ([("Contact", "<sip:a@h>")], 600),
        ([("Contact", "<sip:a@h>;expires=never")], 600),
        ([("Contact", "<sip:a@h>;expires=999999")], 1000),
    ],
)
def test_the_contact_then_the_header_then_the_default_says_how_long(
    headers: list[tuple[str, str]], seconds: int
) -> None:
    assert binding(wish(*headers)).expires_at == NOW + seconds


def test_a_binding_knows_its_request_and_where_it_came_from() -> None:
    made = binding(wish(("Contact", "<sip:a@h:5062;transport=tcp?X=1>;q=0.4")))
    assert made.contact == "sip:a@h:5062;transport=tcp"
    assert (made.q, made.call_id, made.cseq, made.received) == (0.4, "c", 4, "udp:192.0.2.9:5060")


def test_zero_removes_and_too_short_is_423() -> None:
    assert wish(("Contact", "<sip:a@h>;expires=0")).changes[0].expires_at == 0
    with pytest.raises(Refused) as caught:
        wish(("Contact", "<sip:a@h>;expires=9"))
    assert (caught.value.status, caught.value.headers) == (423, (("Min-Expires", "10"),))


def test_the_star_removes_all_and_stands_alone() -> None:
    assert wish(("Contact", "*"), ("Expires", "0")).remove_all
    for headers in ([("Contact", "*")], [("Contact", "*"), ("Contact", "<sip:a@h>"), ("Expires", "0")]):
        with pytest.raises(Refused) as caught:
            wish(*headers)
        assert caught.value.status == 400


def test_without_contacts_it_is_only_a_question() -> None:
    assert wish() == Wish()


def test_what_is_not_sip_is_refused() -> None:
    with pytest.raises(Refused):
        wish(("Contact", "<name:John_Smith>"))


def test_a_phone_that_restarts_on_another_port_has_one_binding() -> None:
    """RFC 5626 4.1: the instance identifies the phone."""
    first, second = (
        NameAddr.parse(f'<sip:a@h:{port}>;+sip.instance="<urn:uuid:1>"') for port in (5060, 5062)
    )
    assert binding_id(first) == binding_id(second)
    plain = [binding_id(NameAddr.parse(text)) for text in ("<sip:a@h>", "<sip:%61@H>", "<sip:a@h:5062>")]
    assert plain[0] == plain[1] != plain[2]


def test_the_best_contact_comes_first_with_the_seconds_that_are_left() -> None:
    made = [
        Binding(contact="sip:a@h", expires_at=NOW + 30.4, q=0.2),
        Binding(contact="sip:b@h", expires_at=NOW + 20),
    ]
    assert contact_lines(made, NOW) == ["<sip:b@h>;expires=20", "<sip:a@h>;expires=30;q=0.2"]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("<sip:%61@H.example>", "<sip:a@h.example>", True),
        ("<sip:A@h>", "<sip:a@h>", False),
        ("<sip:a@h>", "<sip:a@h:5060>", False),
        ("<sip:a@h;transport=TCP>", "<sip:a@h;Transport=tcp>", True),
        ("<sip:a@h>", "<sip:a@h;transport=tcp>", False),
        ("<sip:a@h;maddr=192.0.2.1>", "<sip:a@h>", False),
        ("<sip:a@h;user=Phone>", "<sip:a@h;user=phone>", True),
        ("<sip:a@h;user=phone>", "<sip:a@h>", False),
        ("<sip:a@h;line=1>", "<sip:a@h>", True),
        ("<sips:a@h>", "<sip:a@h>", False),
        ("<sip:a@[2001:db8::1]>", "<sip:a@[2001:DB8:0::1]>", True),
    ],
)
def test_rfc3261_19_1_4_which_contacts_are_one_binding(first: str, second: str, same: bool) -> None:
    assert (binding_id(NameAddr.parse(first)) == binding_id(NameAddr.parse(second))) is same
