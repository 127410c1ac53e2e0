"""Two tenants with the same numbers: the domain tells whose they are."""

import pytest
from tests.integration.services.sip_proxy.conftest import DOMAIN, Part, Stage, answer, configuration

from ringback.contracts.sip import bindings_key
from ringback.domain.configuration import Configuration, Extension, Tenant, digest_hashes
from ringback.sip import Request, Response
from ringback.sip.digest import DigestClient
from ringback.sip.message import CSeq
from ringback.testing.servers import run_host

HOST = run_host(62)
OTHER = "other.example"
SECRETS = {DOMAIN: "first secret", OTHER: "secret of another"}
LIMIT = 20.0


def another() -> Configuration:
    md5, sha256 = digest_hashes("1001", OTHER, SECRETS[OTHER])
    return Configuration(
        tenant=Tenant(id="other", domain=OTHER), dns=(Extension(id="1001", ha1_md5=md5, ha1_sha256=sha256),)
    )


@pytest.fixture
def configurations() -> list[Configuration]:
    return [configuration(), another()]


async def ask(stage: Stage, part: Part, method: str, uri: str, domain: str, password: str) -> Response:
    """A request of 1001 in a domain, with this password."""
    request = part.request(method, uri, f"sip:1001@{domain}")
    if method == "REGISTER":
        request.set("To", f"<sip:1001@{domain}>")
    first = await part.endpoint.send_request(request, stage.edge).final(LIMIT)
    header = "Proxy-Authenticate" if first.status == 407 else "WWW-Authenticate"
    assert f'realm="{domain}"' in (first.get(header) or "")
    value = DigestClient("1001", password).answer(first.get_all(header), method, request.raw_uri, "c")
    again: Request = request.copy()
    again.remove("Via")
    again.set("CSeq", CSeq(2, method))
    again.set("Proxy-Authorization" if first.status == 407 else "Authorization", value or "")
    return await part.endpoint.send_request(again, stage.edge).final(LIMIT)


async def test_each_domain_has_its_own_realm_passwords_bindings_and_calls(stage: Stage) -> None:
    node = await stage.node("n1")
    valkey = stage.harness.process.valkey
    part = await stage.part("phone", HOST)
    part.behaviour = answer
    for domain, tenant, wrong in ((DOMAIN, "demo", OTHER), (OTHER, "other", DOMAIN)):
        refused = await ask(stage, part, "REGISTER", f"sip:{domain}", domain, SECRETS[wrong])
        assert refused.status == 401
        assert not await valkey.call("EXISTS", bindings_key(tenant, "1001"))
        assert (await ask(stage, part, "REGISTER", f"sip:{domain}", domain, SECRETS[domain])).status == 200
        assert await valkey.call("EXISTS", bindings_key(tenant, "1001"))
        invited = await ask(stage, part, "INVITE", f"sip:8000@{domain}", domain, SECRETS[domain])
        assert invited.status == 200
        _, got = await node.next("INVITE")
        assert (got.get("X-Ringback-Tenant"), got.get("X-Ringback-Origin")) == (tenant, "dn=1001")
    refused = await ask(stage, part, "INVITE", f"sip:8000@{OTHER}", OTHER, SECRETS[DOMAIN])
    assert refused.status == 407
    assert node.got.empty()
