"""Calls to emergency services by name (RFC 5031)."""

import pytest

from ringback.domain.configuration import Tenant
from ringback.services.sip_proxy.emergency import asks_for_help, dial_for_help
from ringback.sip import Request

TENANTS = [
    Tenant(id="none", domain="none.example"),
    Tenant(id="demo", domain="d.example", emergency=("112",)),
]


@pytest.mark.parametrize(
    ("method", "uri", "is_one"),
    [
        ("INVITE", "urn:service:sos", True),
        ("INVITE", "URN:Service:SOS.police", True),
        ("INVITE", "urn:service:sos.animal-control", True),
        ("INVITE", "urn:service:sossy", False),
        ("INVITE", "urn:service:sos.", False),
        ("INVITE", "urn:service:counseling", False),
        ("INVITE", "sip:112@d.example", False),
        ("MESSAGE", "urn:service:sos", False),
    ],
)
def test_rfc5031_4_2_sos_and_what_is_below_it_are_calls_for_help(method: str, uri: str, is_one: bool) -> None:
    assert asks_for_help(Request(method, uri, [])) is is_one


def test_rfc5031_4_2_the_tenants_first_number_is_dialled() -> None:
    request = Request("INVITE", "urn:service:sos.fire", [])
    assert dial_for_help(request, "demo", TENANTS)
    assert request.raw_uri == "sip:112@d.example"
    for tenant in ("none", "unknown"):
        assert not dial_for_help(Request("INVITE", "urn:service:sos", []), tenant, TENANTS)
