import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from tests.integration.services.started import configured

from ringback.contracts.dialplan import (
    ResolvedMany,
    ResolveMany,
    ResolveReply,
    ResolveRequest,
    dn_states_key,
)
from ringback.domain.configuration import (
    Configuration,
    DialRule,
    Extension,
    Gateway,
    Mailbox,
    RoutePoint,
    Tenant,
    Trunk,
)
from ringback.domain.dialplan import DnState
from ringback.runtime.http import HttpClient, HttpFailure
from ringback.runtime.migrate import migrate
from ringback.services.tenant.configuration import ConfigurationStore
from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import run_host

HOST = run_host(13)
Running = tuple[ServiceHarness, ConfigurationStore]
TENANT = Configuration(
    tenant=Tenant(id="demo", domain="demo.example", country="US", emergency=("911",)),
    dns=(
        Extension(id="1001", mailbox="8500"),
        Extension(id="1002"),
        RoutePoint(id="8000", script="sales", default_dn="8500"),
        Mailbox(id="8500"),
        Trunk(id="carrier", gateways=(Gateway("192.0.2.1"),), numbers=("+!",), emergency=True),
    ),
    dial_plan=(DialRule(id="did", rule="+12025550100=>8000"),),
)


@pytest.fixture
async def store(valkey_url: str, postgres_dsn: str) -> AsyncIterator[Running]:
    await migrate(postgres_dsn, ["tenant"])
    env = {"RINGBACK_CONFIG_REFRESH_S": "60"}
    async with ServiceHarness(
        "config", "dialplan", valkey_url=valkey_url, postgres_dsn=postgres_dsn, host=HOST, env=env
    ) as running:
        await running.process.postgres.start()
        store = ConfigurationStore(running.context("tenant"), "demo")
        await store.import_(TENANT)
        await configured(running["config"])
        yield running, store


async def resolve(harness: ServiceHarness, number: str, origin: str = "dn") -> ResolveReply:
    http = HttpClient(harness.context(), "dialplan", connection="voice-27")
    request = ResolveRequest(tenant="demo", origin=origin, to_number=number)  # type: ignore[arg-type]
    return await http.post("/resolve", request, ResolveReply)


async def register(harness: ServiceHarness, dn: str) -> None:
    await harness.process.valkey.call("SET", f"{{demo}}:sip:bindings:{dn}", "x")


async def test_numbers_go_where_the_configuration_says(
    store: Running,
) -> None:
    harness, _ = store
    await register(harness, "1001")
    phone = await resolve(harness, "1001")
    assert (phone.kind, phone.dn, phone.on_no_answer, phone.status) == ("dn", "1001", "8500", 0)
    sales = await resolve(harness, "+12025550100", "trunk")
    assert (sales.kind, sales.dn, sales.script, sales.default_dn) == ("route_point", "8000", "sales", "8500")
    assert (phone.reuse_s, sales.reuse_s) == (0.0, 1.0)
    outside = await resolve(harness, "+442079460000")
    assert (outside.kind, outside.number, outside.trunk) == ("trunk", "+442079460000", "carrier")
    assert (await resolve(harness, "911")).call_type == "emergency"
    assert (await resolve(harness, "8500")).mailbox == "8500"
    unknown = await resolve(harness, "4711")
    assert (unknown.kind, unknown.status, unknown.reason) == ("unknown", 404, "unknown_number")
    http = HttpClient(harness.context(), "dialplan", connection="voice-27")
    asked = [ResolveRequest(tenant="demo", origin="dn", to_number=n) for n in ("1001", "4711", "8500")]
    answers = (await http.post("/resolve-many", ResolveMany(questions=asked), ResolvedMany)).answers
    assert answers == [await resolve(harness, question.to_number) for question in asked]


async def test_a_phone_that_is_not_registered_is_diverted_or_480(
    store: Running,
) -> None:
    harness, _ = store
    diverted = await resolve(harness, "1001")
    assert (diverted.kind, diverted.mailbox, diverted.diverted_from) == ("mailbox", "8500", ("1001",))
    assert (await resolve(harness, "1002")).status == 480
    await register(harness, "1002")
    assert (await resolve(harness, "1002")).kind == "dn"


async def test_what_a_user_has_set_counts(store: Running) -> None:
    harness, _ = store
    await register(harness, "1002")
    state = msgspec.json.encode(DnState(forward_to="8000"))
    await harness.process.valkey.call("HSET", dn_states_key("demo"), "1002", state)
    assert (await resolve(harness, "1002")).dn == "8000"


async def test_a_change_of_the_configuration_is_seen_at_once(
    store: Running,
) -> None:
    harness, configuration = store
    assert (await resolve(harness, "8001")).status == 404
    await configuration.save([("dns", RoutePoint(id="8001", script="support"))])
    async with asyncio.timeout(20):  # well below the minute that an unannounced change takes
        while (await resolve(harness, "8001")).kind != "route_point":
            await asyncio.sleep(0.02)


async def test_a_tenant_that_is_not_there_is_404_and_nonsense_400(
    store: Running,
) -> None:
    harness, _ = store
    http = HttpClient(harness.context(), "dialplan")
    with pytest.raises(HttpFailure) as unknown:
        await http.post("/resolve", {"tenant": "nobody", "origin": "dn", "to_number": "1"})
    assert unknown.value.status == 404
    with pytest.raises(HttpFailure) as nonsense:
        await http.post("/resolve", {"tenant": "demo", "origin": "space", "to_number": "1"})
    assert nonsense.value.status == 400
    question = {"tenant": "demo", "origin": "dn", "to_number": "1"}
    for questions, status in (([question, {**question, "tenant": "nobody"}], 404), ([question] * 1001, 400)):
        with pytest.raises(HttpFailure) as refused:
            await http.post("/resolve-many", {"questions": questions})
        assert refused.value.status == status
