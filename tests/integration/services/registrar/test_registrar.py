"""The registrar on a real socket and a real Valkey (RFC 3261 10.3)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import cast

import msgspec
import pytest
from tests.integration.services.started import configured

from ringback.contracts.configuration import kind_key, version_key
from ringback.contracts.events import DnEvent, dns_stream
from ringback.contracts.sip import Binding, bindings_key, expiries_key
from ringback.domain.configuration import Configuration, Extension, Tenant, digest_hashes
from ringback.runtime.counters import read_totals
from ringback.services.registrar.service import RegistrarService
from ringback.services.registrar.store import BindingStore
from ringback.sip import NameAddr, Request, Response
from ringback.sip.digest import DigestClient
from ringback.sip.endpoint import SipEndpoint
from ringback.sip.message import CSeq
from ringback.sip.transport import Destination
from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import KafkaForTests, ValkeyForTests, run_host

HOST = run_host(61)
DOMAIN = "demo.example"
LIMIT = 20.0
MD5, SHA256 = digest_hashes("1001", DOMAIN, "secret")
TENANT = Configuration(
    tenant=Tenant(id="demo", domain=DOMAIN), dns=(Extension(id="1001", ha1_md5=MD5, ha1_sha256=SHA256),)
)


@dataclass
class Stage:
    harness: ServiceHarness
    endpoint: SipEndpoint
    cseq: int = 0
    call_id: str = "one"

    def request(self, *headers: tuple[str, str], dn: str = "1001", method: str = "REGISTER") -> Request:
        self.cseq += 1
        me = NameAddr.parse(f"<sip:{dn}@{DOMAIN}>")
        return self.endpoint.new_request(
            method,
            f"sip:{DOMAIN}",
            from_=me,
            to=me,
            headers=[("X-Ringback-Tenant", "demo"), *headers],
            call_id=self.call_id,
            cseq=self.cseq,
        )

    async def send(self, request: Request) -> Response:
        destination = Destination("tcp", HOST, 5066)
        return await self.endpoint.send_request(request, destination).final(LIMIT)

    async def register(
        self, *headers: tuple[str, str], password: str = "secret", algorithm: str = ""
    ) -> Response:
        request = self.request(*headers)
        challenged = await self.send(request)
        assert challenged.status == 401
        offered = [value for value in challenged.get_all("WWW-Authenticate") if algorithm in value]
        value = DigestClient("1001", password).answer(offered, "REGISTER", request.raw_uri, "c")
        assert value is not None
        again = request.copy()
        again.remove("Via")
        self.cseq += 1
        again.set("CSeq", CSeq(self.cseq, "REGISTER"))
        again.set("Authorization", value)
        return await self.send(again)

    async def events(self) -> list[DnEvent]:
        rows = await self.harness.process.valkey.call("XRANGE", dns_stream("demo"), "-", "+")
        return [msgspec.json.decode(fields[1], type=DnEvent) for _, fields in rows]

    async def bindings(self) -> list[Binding]:
        rows = await self.harness.process.valkey.call("HVALS", bindings_key("demo", "1001"))
        return [msgspec.json.decode(row, type=Binding) for row in rows]

    @property
    def service(self) -> RegistrarService:
        return cast(RegistrarService, self.harness["registrar"])


@pytest.fixture
def broker() -> str:
    """The Kafka broker; none unless a test class overrides this fixture."""
    return ""


@pytest.fixture
async def stage(valkey_url: str, broker: str) -> AsyncIterator[Stage]:
    env = {
        "RINGBACK_CONFIG_REFRESH_S": "0.05",
        "RINGBACK_REGISTRAR_MIN_EXPIRES_S": "1",
        "RINGBACK_REGISTRAR_MAX_BINDINGS": "3",
        "RINGBACK_REGISTRAR_SWEEP_S": "0.05",
    }
    async with ServiceHarness(
        "config", "registrar", valkey_url=valkey_url, host=HOST, env=env, kafka_bootstrap=broker
    ) as running:
        for kind, item in TENANT.objects():
            await running.process.valkey.call(
                "HSET", kind_key("demo", kind), item.id, msgspec.json.encode(item)
            )
        await running.process.valkey.call("SET", version_key("demo"), 1)
        await configured(running["config"], LIMIT)
        endpoint = SipEndpoint(lambda tx, request: None)
        yield Stage(running, endpoint)
        await endpoint.close()


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_the_right_password_binds_and_tells_that_the_number_is_there(
    stage: Stage, algorithm: str
) -> None:
    response = await stage.register(("Contact", "<sip:1001@192.0.2.7:5062>;expires=90"), algorithm=algorithm)
    assert response.status == 200
    assert response.get("Contact") == "<sip:1001@192.0.2.7:5062>;expires=90"
    assert response.has("Date")
    (event,) = await stage.events()
    assert (event.id, event.this_dn, event.contacts) == ("EventDNBackInService", "1001", 1)


async def test_the_wrong_password_and_an_unknown_number_look_the_same(stage: Stage) -> None:
    wrong = await stage.register(("Contact", "<sip:x@y>"), password="wrong")
    nobody = await stage.send(stage.request(("Contact", "<sip:x@y>"), dn="7777"))
    assert (wrong.status, nobody.status) == (401, 401)
    assert (wrong.reason, wrong.body) == (nobody.reason, nobody.body)
    assert [name for name, _ in wrong.headers] == [name for name, _ in nobody.headers]
    assert await stage.bindings() == []


async def test_a_refresh_is_no_event_and_a_second_contact_is_a_second_binding(stage: Stage) -> None:
    for _ in range(2):
        await stage.register(("Contact", "<sip:1001@192.0.2.7>"))
    response = await stage.register(("Contact", "<sip:1001@192.0.2.8>;q=0.5"))
    assert len(response.values("Contact")) == 2
    assert response.values("Contact")[0].startswith("<sip:1001@192.0.2.7>")
    assert len(await stage.events()) == 1


async def test_leaving_takes_the_number_out_of_service_once(stage: Stage) -> None:
    await stage.register(("Contact", "<sip:1001@192.0.2.7>"))
    for _ in range(2):
        response = await stage.register(("Contact", "<sip:1001@192.0.2.7>;expires=0"))
        assert response.status == 200
        assert not response.has("Contact")
    assert [(event.id, event.reason) for event in await stage.events()] == [
        ("EventDNBackInService", ""),
        ("EventDNOutOfService", "unregistered"),
    ]
    valkey = stage.harness.process.valkey
    assert await valkey.call("EXISTS", bindings_key("demo", "1001"), expiries_key("demo")) == 0


async def test_the_star_removes_every_binding(stage: Stage) -> None:
    for host in ("192.0.2.7", "192.0.2.8"):
        await stage.register(("Contact", f"<sip:1001@{host}>"))
    assert (await stage.register(("Contact", "*"), ("Expires", "0"))).status == 200
    assert await stage.bindings() == []


async def test_asking_changes_nothing(stage: Stage) -> None:
    await stage.register(("Contact", "<sip:1001@192.0.2.7>"))
    response = await stage.register()
    assert len(response.values("Contact")) == 1


async def test_a_binding_that_ends_by_itself_is_noticed(stage: Stage) -> None:
    await stage.register(("Contact", "<sip:1001@192.0.2.7>;expires=1"))
    async with asyncio.timeout(LIMIT):
        while len(await stage.events()) < 2:
            await asyncio.sleep(0.05)
    assert (await stage.events())[1].reason == "expired"
    assert await stage.bindings() == []


async def test_numbers_that_end_together_are_told_of_in_one_sweep(stage: Stage) -> None:
    """A network is gone: other than the few of every second, they are hundreds."""
    store, valkey = BindingStore(stage.service.ctx, 10), stage.harness.process.valkey
    await valkey.call("ZADD", expiries_key("other"), *(item for n in range(450) for item in (1, str(n))))
    assert await store.sweep("other") == 450
    assert await valkey.call("XLEN", dns_stream("other")) == 450
    assert await store.sweep("other") == 0


async def test_an_older_number_of_the_same_call_is_refused(stage: Stage) -> None:
    """RFC 3261 10.3 step 7."""
    await stage.register(("Contact", "<sip:1001@192.0.2.7>"))
    stage.cseq = 0
    assert (await stage.register(("Contact", "<sip:1001@192.0.2.7>;expires=0"))).status == 500
    assert len(await stage.bindings()) == 1


async def test_a_call_id_is_compared_as_it_is_however_it_is_written(stage: Stage) -> None:
    """RFC 3261 10.3 step 7, in the script that looks for it in JSON."""
    for call_id in ('q"\\"', 'cseq":9', "one"):
        stage.call_id, stage.cseq = call_id, 10
        assert (await stage.register(("Contact", "<sip:1001@192.0.2.7>"))).status == 200
        stage.cseq = 5
        assert (await stage.register(("Contact", "<sip:1001@192.0.2.7>"))).status == 500
    stage.call_id = "another"
    assert (await stage.register(("Contact", "<sip:1001@192.0.2.7>"))).status == 200


async def test_a_valkey_that_has_forgotten_the_script_is_told_it_again(stage: Stage) -> None:
    await stage.register(("Contact", "<sip:1001@192.0.2.7>"))
    await stage.harness.process.valkey.call("SCRIPT", "FLUSH")
    response = await stage.register(("Contact", "<sip:1001@192.0.2.8>"))
    assert (response.status, len(response.values("Contact"))) == (200, 2)


async def test_one_that_is_named_twice_is_one_binding(stage: Stage) -> None:
    response = await stage.register(("Contact", "<sip:1001@192.0.2.7>;q=0.1, <sip:1001@192.0.2.7>;q=0.3"))
    assert response.values("Contact") == ["<sip:1001@192.0.2.7>;expires=3600;q=0.3"]
    response = await stage.register(("Contact", "<sip:1001@192.0.2.7>, <sip:1001@192.0.2.7>;expires=0"))
    assert (response.status, response.values("Contact"), await stage.bindings()) == (200, [], [])


async def test_a_phone_behind_proxies_with_two_flows(stage: Stage) -> None:
    """RFC 3327 5.3, RFC 5626 6: the second flow stands beside the first, each replaces itself alone."""
    for flow, port in ((1, 5060), (2, 5062), (2, 5064)):
        response = await stage.register(
            ("Contact", f'<sip:1001@192.0.2.7:{port}>;+sip.instance="<urn:uuid:1>";reg-id={flow}'),
            ("Path", "<sip:p1.example;lr>, <sip:p2.example;lr;ob>"),
            ("Supported", "path, outbound"),
        )
        assert response.status == 200
        assert response.values("Path") == ["<sip:p1.example;lr>", "<sip:p2.example;lr;ob>"]
        assert response.get("Require") == "outbound"
    kept = {binding.reg_id: binding for binding in await stage.bindings()}
    assert {flow: binding.contact[-4:] for flow, binding in kept.items()} == {"1": "5060", "2": "5064"}
    assert kept["1"].path == ("<sip:p1.example;lr>", "<sip:p2.example;lr;ob>")
    assert len(await stage.events()) == 1


async def test_bindings_outlive_the_registrar(stage: Stage) -> None:
    await stage.register(("Contact", "<sip:1001@192.0.2.7>;expires=90"))
    stage.service._handler.store = BindingStore(stage.service.ctx, 3)
    response = await stage.register()
    assert response.values("Contact")[0].startswith("<sip:1001@192.0.2.7>;expires=")


async def test_too_many_bindings_and_too_short_times_are_refused(stage: Stage) -> None:
    contacts = ", ".join(f"<sip:1001@192.0.2.{number}>" for number in range(4))
    assert (await stage.register(("Contact", contacts))).status == 403
    assert await stage.bindings() == []
    stage.service._handler._settings = msgspec.structs.replace(stage.service._settings, min_expires_s=60)
    response = await stage.register(("Contact", "<sip:1001@192.0.2.7>;expires=5"))
    assert (response.status, response.get("Min-Expires")) == (423, "60")


async def test_other_methods_and_other_schemes_are_refused(stage: Stage) -> None:
    assert (await stage.send(stage.request(method="INVITE"))).status == 405
    odd = stage.request()
    odd.set("To", "<isbn:2983792873>")
    assert (await stage.send(odd)).status == 400


async def test_without_valkey_the_answer_is_503_and_later_it_works_again(
    stage: Stage, valkey: ValkeyForTests
) -> None:
    server = valkey.server
    assert (await stage.register(("Contact", "<sip:1001@192.0.2.7>"))).status == 200
    await server.stop()
    try:
        response = await stage.register(("Contact", "<sip:1001@192.0.2.8>"))
        assert (response.status, response.get("Retry-After")) == (503, "5")
    finally:
        await server.start()
    async with asyncio.timeout(10):
        while not stage.harness.process.valkey.connected:
            await asyncio.sleep(0.02)
    assert (await stage.register(("Contact", "<sip:1001@192.0.2.8>"))).status == 200
    assert len(await stage.bindings()) == 2


class TestReporting:
    """What is counted and what Kafka is told."""

    @pytest.fixture
    def broker(self, kafka: KafkaForTests) -> str:
        return kafka.bootstrap

    async def test_its_connections_carry_messages(self, stage: Stage) -> None:
        await stage.register(("Contact", "<sip:1001@192.0.2.7>"))
        connections, valkey = stage.harness.process.connections, stage.harness.process.valkey
        async with asyncio.timeout(LIMIT):
            while not await self.all_used(stage):
                await connections.flush(valkey)
                await asyncio.sleep(0.02)

    @staticmethod
    async def all_used(stage: Stage) -> bool:
        totals = await read_totals(stage.harness.process.valkey)
        return {"voice-32", "voice-36", "voice-52", "voice-53"} <= totals.keys()
