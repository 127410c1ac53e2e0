from pathlib import Path

import msgspec

from ringback.domain.callbacks.settings import read_settings
from ringback.domain.configuration import Extension, digest_hashes
from ringback.domain.consistency import validate
from ringback.domain.dialplan import compile_plan, resolve_with
from ringback.domain.routing.skills import parse_target
from ringback.testing.demo_tenant import (
    CHECK_CUSTOMERS,
    CHECK_PHONES,
    DOMAIN,
    PHONES,
    SALES_NUMBER,
    SCRIPTED_NUMBERS,
    callback_settings,
    demo_configuration,
    demo_secrets,
    keep_secrets,
)


def test_the_secrets_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    first = demo_secrets(tmp_path / "data")
    assert demo_secrets(tmp_path / "data") == first
    assert demo_secrets(tmp_path / "other").sip != first.sip
    keep_secrets(tmp_path / "data", msgspec.structs.replace(first, api_key="key"))
    assert demo_secrets(tmp_path / "data").api_key == "key"
    assert len(set(first.sip.values())) == len(first.sip)
    assert (tmp_path / "data" / "demo.json").stat().st_mode & 0o777 == 0o600


def test_the_demo_tenant_holds_together(tmp_path: Path) -> None:
    assert validate(demo_configuration(demo_secrets(tmp_path))) == []


def test_a_phone_has_the_hash_of_its_password_and_not_the_password(tmp_path: Path) -> None:
    kept = demo_secrets(tmp_path)
    for dn in demo_configuration(kept).dns:
        if isinstance(dn, Extension):
            assert (dn.ha1_md5, dn.ha1_sha256) == digest_hashes(dn.id, DOMAIN, kept.sip[dn.id])
    assert all(phone in kept.sip for phone in (*PHONES, *CHECK_PHONES))


def test_numbers_lead_where_the_demo_needs_them(tmp_path: Path) -> None:
    whole = demo_configuration(demo_secrets(tmp_path))
    plan = compile_plan(whole.tenant, whole.dns, whole.dial_plan)
    assert resolve_with(plan, SALES_NUMBER, "trunk", {}).number == "8000"
    assert resolve_with(plan, "8500", "trunk", {}).kind == "mailbox"
    for numbers, trunk in ((CHECK_CUSTOMERS, "check-carrier"), (SCRIPTED_NUMBERS, "demo-carrier")):
        assert {resolve_with(plan, number, "route_point", {}).trunks[0] for number in numbers} == {trunk}


def test_the_callback_settings_can_be_read_and_name_numbers_that_exist(tmp_path: Path) -> None:
    whole = demo_configuration(demo_secrets(tmp_path))
    numbers = {dn.id for dn in whole.dns}
    rows = callback_settings()
    assert set(rows) == {service.id for service in whole.callback_services}
    for service, row in rows.items():
        settings = read_settings(row)
        assert {settings.route_point, service} <= numbers
        parse_target(settings.target)
