"""What a REGISTER asks for beyond RFC 3261 (RFC 3327, RFC 5626)."""

import pytest

from ringback.contracts.sip import HEADER_FLOW_TIMER, Binding
from ringback.services.registrar.asked import Asked
from ringback.services.registrar.bindings import contact_lines, read_wish
from ringback.services.registrar.extensions import Extensions, answer_headers, read_extensions
from ringback.services.registrar.refused import Refused
from ringback.services.registrar.settings import RegistrarSettings
from ringback.sip import Request

VIAS = [("Via", "SIP/2.0/TCP proxy;branch=z9hG4bK1"), ("Via", "SIP/2.0/UDP phone;branch=z9hG4bK2")]
INSTANCE = '+sip.instance="<urn:uuid:1>"'


def request(*headers: tuple[str, str], vias: list[tuple[str, str]] = VIAS) -> Request:
    return Request(
        "REGISTER",
        "sip:demo",
        [*vias, ("To", "<sip:a@demo>"), ("Call-ID", "c"), ("CSeq", "1 REGISTER"), *headers],
    )


class TestRfc3261Section10_3:  # noqa: N801
    """Step 2."""

    def test_what_we_lack_is_420_and_named(self) -> None:
        with pytest.raises(Refused) as caught:
            read_extensions(request(("Require", "path, gruu"), ("Require", "magic")))
        assert (caught.value.status, caught.value.headers) == (420, (("Unsupported", "gruu, magic"),))

    def test_more_contacts_than_allowed_are_403(self) -> None:
        contacts = ", ".join(f"<sip:a@h{number}>" for number in range(4))
        with pytest.raises(Refused) as caught:
            read_wish(Asked.of(request(("Contact", contacts))), 0.0, RegistrarSettings(max_contacts=3))
        assert caught.value.status == 403


class TestRfc3327Section5_3:  # noqa: N801
    """Path."""

    def test_it_is_kept_in_its_order_and_told_to_who_understands_it(self) -> None:
        made = request(("Path", "<sip:p1;lr>, <sip:p2;lr>"), ("Path", "<sip:p3;lr>"), ("Supported", "path"))
        extensions = read_extensions(made)
        assert extensions.path == ("<sip:p1;lr>", "<sip:p2;lr>", "<sip:p3;lr>")
        told = [value for name, value in answer_headers(made, extensions) if name == "Path"]
        assert told == list(extensions.path)
        silent = request(("Path", "<sip:p1;lr>"))
        assert "Path" not in dict(answer_headers(silent, read_extensions(silent)))

    @pytest.mark.parametrize("path", ["<tel:+12025550100>", ", ".join(["<sip:p;lr>"] * 9)])
    def test_one_that_leads_nowhere_is_400(self, path: str) -> None:
        with pytest.raises(Refused) as caught:
            read_extensions(request(("Path", path)))
        assert caught.value.status == 400


class TestRfc5626Section6:
    """Flows of one phone."""

    CONTACT = ("Contact", f"<sip:a@h>;{INSTANCE};reg-id=2")
    SUPPORTED = ("Supported", "path, outbound")

    def test_each_flow_is_a_binding_and_comes_back_in_its_place(self) -> None:
        made = request(self.CONTACT, self.SUPPORTED)
        extensions = read_extensions(made)
        (change,) = read_wish(Asked.of(made), 0.0, RegistrarSettings(), extensions).changes
        assert (extensions.outbound, change.id) == (True, "<urn:uuid:1> 2")
        told = dict(answer_headers(made, extensions))
        assert told["Require"] == "outbound"
        assert "Flow-Timer" not in told

    def test_5_4_who_has_flows_is_told_how_often_to_keep_them_alive(self) -> None:
        made = request(self.CONTACT, self.SUPPORTED, (HEADER_FLOW_TIMER, "120"))
        assert dict(answer_headers(made, read_extensions(made)))["Flow-Timer"] == "120"
        without = request(("Contact", "<sip:a@h>"), (HEADER_FLOW_TIMER, "120"))
        assert "Flow-Timer" not in dict(answer_headers(without, read_extensions(without)))

    def test_a_phone_that_does_not_ask_for_it_has_one_binding(self) -> None:
        made = request(self.CONTACT)
        extensions = read_extensions(made)
        (change,) = read_wish(Asked.of(made), 0.0, RegistrarSettings(), extensions).changes
        assert (extensions.outbound, change.id) == (False, "<urn:uuid:1>")

    def test_behind_a_proxy_that_knows_no_flows_it_is_439(self) -> None:
        """11.6: the phone registers again without reg-id (4.2.1)."""
        far = [*VIAS, ("Via", "SIP/2.0/UDP further;branch=z9hG4bK3")]
        for more in ((), (("Path", "<sip:first;lr>"),)):
            with pytest.raises(Refused) as caught:
                read_extensions(request(self.CONTACT, self.SUPPORTED, *more, vias=far))
            assert caught.value.status == 439
        plain = ("Contact", f"<sip:a@h>;{INSTANCE}")
        assert not read_extensions(request(plain, self.SUPPORTED, vias=far)).outbound
        leaving = ("Contact", f"<sip:a@h>;{INSTANCE};reg-id=2;expires=0")
        assert not read_extensions(request(leaving, self.SUPPORTED, vias=far)).outbound
        path = ("Path", "<sip:near;lr>, <sip:first;lr;ob>")
        assert read_extensions(request(self.CONTACT, self.SUPPORTED, path, vias=far)).outbound

    def test_two_flows_in_one_request_are_400(self) -> None:
        with pytest.raises(Refused) as caught:
            read_extensions(request(self.CONTACT, self.CONTACT, self.SUPPORTED))
        assert caught.value.status == 400

    @pytest.mark.parametrize("number", ["0", "-1", "x", "2147483648"])
    def test_a_number_out_of_range_is_no_flow(self, number: str) -> None:
        made = request(("Contact", f"<sip:a@h>;{INSTANCE};reg-id={number}"), self.SUPPORTED)
        assert not read_extensions(made).outbound

    def test_the_answer_tells_flows_apart(self) -> None:
        flow = Binding(contact="sip:a@h", expires_at=60, q=0.5, instance="<urn:uuid:1>", reg_id="2")
        assert contact_lines([flow], 0.0) == [f"<sip:a@h>;expires=60;q=0.5;{INSTANCE};reg-id=2"]


def test_what_is_no_text_is_400() -> None:
    made = request(("Contact", "<sip:a@h>"), ("User-Agent", "M\udcfcller"))
    with pytest.raises(Refused) as caught:
        read_wish(Asked.of(made), 0.0, RegistrarSettings(), Extensions())
    assert caught.value.status == 400
