"""RFC 5922 7: which SIP domain a certificate speaks for."""

from typing import Any

import pytest

from ringback.sip.identity import domains, names

CN = ((("commonName", "cn.example.test"),),)


def certificate(*alternatives: tuple[str, str]) -> dict[str, Any]:
    return {"subject": CN, **({"subjectAltName": alternatives} if alternatives else {})}


def test_7_1_a_sip_uri_wins_over_dns_names_and_one_with_a_user_is_none() -> None:
    both = certificate(("DNS", "dns.example.test"), ("URI", "sip:example.test"))
    assert domains(both) == ["example.test"]
    assert domains(certificate(("URI", "sip:alice@example.test"), ("DNS", "a.test"))) == ["a.test"]
    assert domains(certificate(("URI", "http://example.test"), ("URI", "sip:"))) == []


def test_7_1_the_common_name_counts_only_where_there_is_no_alternative_name() -> None:
    assert domains(certificate()) == ["cn.example.test"]
    assert not names(certificate(("DNS", "other.test")), "cn.example.test")


@pytest.mark.parametrize(
    ("alternative", "domain", "same"),
    [
        (("DNS", "Example.TEST"), "example.test", True),
        (("DNS", "example.test"), "sip.example.test", False),
        (("DNS", "*.example.test"), "sip.example.test", False),
        (("DNS", "*.example.test"), "*.example.test", True),
        (("URI", "sip:example.test"), "example.test.", True),
        (("IP Address", "192.0.2.1"), "192.0.2.1", True),
        (("IP Address", "2001:DB8:0:0:0:0:0:1"), "2001:db8::1", True),
        (("DNS", "192.0.2.1"), "192.0.2.2", False),
    ],
)
def test_7_2_names_are_compared_whole_and_without_wildcards(
    alternative: tuple[str, str], domain: str, same: bool
) -> None:
    assert names(certificate(alternative), domain) is same


def test_a_certificate_that_says_nothing_is_nobodys() -> None:
    assert not names({}, "example.test")
