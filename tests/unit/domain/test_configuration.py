import hashlib

import msgspec
import pytest

from ringback.domain.configuration import (
    TYPES,
    Extension,
    Trunk,
    VirtualQueue,
    decode_configuration,
    decode_object,
    digest_hashes,
)

TOML = b"""
[tenant]
id = "demo"
domain = "demo.example"

[[dns]]
type = "extension"
id = "1001"

[[dns]]
type = "trunk"
id = "carrier"
addresses = ["192.0.2.0/24"]
gateways = [{host = "192.0.2.1"}]

[[dial-plan]]
id = "out"
rule = "9.=>${DIGITS:1}"
"""


def test_a_configuration_is_read_from_toml() -> None:
    configuration = decode_configuration(TOML, form="toml")
    assert isinstance(configuration.dns[0], Extension)
    assert isinstance(configuration.dns[1], Trunk)
    assert configuration.dns[1].gateways[0].port == 5060
    assert [kind for kind, _ in configuration.objects()] == ["tenant", "dns", "dns", "dial-plan"]


def test_json_and_toml_say_the_same() -> None:
    configuration = decode_configuration(TOML, form="toml")
    assert decode_configuration(msgspec.json.encode(configuration), form="json") == configuration


def test_the_type_of_a_dn_is_in_its_json_and_an_unknown_one_is_refused() -> None:
    body = msgspec.json.decode(msgspec.json.encode(VirtualQueue(id="VQ")))
    assert body == {"type": "virtual_queue", "id": "VQ"}
    assert decode_object("dns", body) == VirtualQueue(id="VQ")
    with pytest.raises(msgspec.ValidationError, match="teleport"):
        decode_object("dns", {"type": "teleport", "id": "1"})


def test_a_field_of_the_wrong_type_is_named() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"\$\.skills"):
        decode_object("persons", {"id": "kim", "skills": ["English"]})


def test_unknown_fields_are_ignored() -> None:
    assert decode_object("skills", {"id": "English", "colour": "red"}).id == "English"


def test_every_kind_has_a_type() -> None:
    assert set(TYPES) >= {"tenant", "dns", "persons", "agent-groups", "skills", "dial-plan"}


def test_the_digest_hashes_are_those_of_rfc_7616() -> None:
    """RFC 7616 3.9.1 uses this user, realm and password."""
    md5, sha256 = digest_hashes("Mufasa", "http-auth@example.org", "Circle of Life")
    secret = b"Mufasa:http-auth@example.org:Circle of Life"
    assert md5 == "3d78807defe7de2157e2b0b6573a855f"
    assert sha256 == hashlib.sha256(secret).hexdigest()
