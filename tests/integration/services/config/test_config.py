import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from ringback.contracts.configuration import (
    ConfigChange,
    ConfigClient,
    changes_stream,
    kind_key,
    version_key,
)
from ringback.contracts.followed_configuration import FollowedConfiguration
from ringback.domain.configuration import (
    Configuration,
    DialRule,
    Extension,
    Gateway,
    Mailbox,
    Person,
    Skill,
    Tenant,
    Trunk,
    VirtualQueue,
)
from ringback.runtime.http import HttpClient, HttpFailure, HttpUnavailable
from ringback.runtime.migrate import migrate
from ringback.services.tenant.configuration import ConfigurationStore
from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import run_host

HOST = run_host(12)
TENANT = Configuration(
    tenant=Tenant(id="demo", domain="demo.example"),
    skills=(Skill(id="English"),),
    dns=(
        Extension(id="1001"),
        VirtualQueue(id="VQ", target="English>0"),
        Mailbox(id="8500"),
        Trunk(id="carrier", gateways=(Gateway("192.0.2.1"),), numbers=("+!",)),
    ),
    persons=(Person(id="kim", skills={"English": 3}, dn="1001"),),
    dial_plan=(DialRule(id="out", rule="9.=>${DIGITS:1}"),),
)


@pytest.fixture
async def harness(valkey_url: str, postgres_dsn: str) -> AsyncIterator[ServiceHarness]:
    await migrate(postgres_dsn, ["tenant"])
    env = {"RINGBACK_CONFIG_REFRESH_S": "0.1"}
    async with ServiceHarness(
        "config", valkey_url=valkey_url, postgres_dsn=postgres_dsn, host=HOST, env=env
    ) as running:
        await running.process.postgres.start()
        yield running


@pytest.fixture
async def store(harness: ServiceHarness) -> ConfigurationStore:
    store = ConfigurationStore(harness.context("tenant"), "demo")
    await store.import_(TENANT)
    http = HttpClient(harness.context(), "config")
    async with asyncio.timeout(20):
        while not (await harness["config"].ctx.process.valkey.call("PING") and await _ready(http)):
            await asyncio.sleep(0.02)
    return store


async def _ready(http: HttpClient) -> bool:
    try:
        return bool((await http.get("/ready"))["ready"])
    except HttpFailure:
        return False


async def test_it_is_not_ready_before_there_is_configuration(harness: ServiceHarness) -> None:
    http = HttpClient(harness.context(), "config")
    assert not await _ready(http)
    with pytest.raises(HttpFailure) as refused:
        await http.get("/tenants/demo/dns")
    assert (refused.value.status, refused.value.slug) == (503, "not_loaded")


async def test_every_kind_and_view_is_served(harness: ServiceHarness, store: ConfigurationStore) -> None:
    client = ConfigClient(harness.context(), "voice-28")
    assert await client.tenants() == [TENANT.tenant]
    assert await client.tenant("demo") == TENANT.tenant
    assert await client.dns("demo") == sorted(TENANT.dns, key=lambda dn: dn.id)
    assert await client.dn("demo", "8500") == Mailbox(id="8500")
    assert await client.dn("demo", "1") is None
    assert await client.persons("demo") == [*TENANT.persons]
    assert await client.person("demo", "kim") == TENANT.persons[0]
    assert await client.skills("demo") == [Skill(id="English")]
    assert await client.virtual_queues("demo") == [TENANT.dns[1]]
    assert await client.trunks("demo") == [TENANT.dns[3]]
    assert await client.dial_plan("demo") == [*TENANT.dial_plan]
    assert await client.agent_groups("demo") == await client.callback_services("demo") == []


async def test_numbers_are_kept_up_by_their_changes(
    harness: ServiceHarness, store: ConfigurationStore
) -> None:
    client = ConfigClient(harness.context(), "voice-28", ttl_s=0.0)
    numbers = await client.numbers("demo")
    assert numbers.all == {dn.id: dn for dn in TENANT.dns}
    assert list(numbers.trunks) == ["carrier"]
    await store.save([("dns", Extension(id="1002")), ("dns", Extension(id="1001", mailbox="8500"))])
    await store.remove("dns", "carrier")
    async with asyncio.timeout(20):
        while "carrier" in numbers.all:
            assert await client.numbers("demo") is numbers
            await asyncio.sleep(0.01)
    assert numbers.all["1001"] == Extension(id="1001", mailbox="8500")
    assert set(numbers.all) == {"1001", "1002", "VQ", "8500"}
    assert not numbers.trunks
    nobody = await client.numbers("nobody")
    assert not nobody.all


async def test_an_unchanged_answer_is_304_and_a_changed_one_is_not(
    harness: ServiceHarness, store: ConfigurationStore
) -> None:
    http = HttpClient(harness.context(), "config")
    first = await http.request("GET", "/tenants/demo/skills")
    same = {"If-None-Match": first.headers["ETag"]}
    assert (await http.request("GET", "/tenants/demo/skills", headers=same)).status == 304
    await store.save([("skills", Skill(id="Sales"))])
    async with asyncio.timeout(20):
        while (await http.request("GET", "/tenants/demo/skills", headers=same)).status == 304:
            await asyncio.sleep(0.01)
    assert len(await http.get("/tenants/demo/skills")) == 2


async def test_a_removed_object_is_404(harness: ServiceHarness, store: ConfigurationStore) -> None:
    await store.remove("dns", "VQ")
    http = HttpClient(harness.context(), "config")
    async with asyncio.timeout(20):
        while await _status(http, "/tenants/demo/dns/VQ") != 404:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "path", ["/tenants/nobody", "/tenants/demo/toys", "/tenants/demo/toys/1", "/tenants/demo/mailboxes/1001"]
)
async def test_what_is_not_there_is_404(
    harness: ServiceHarness, store: ConfigurationStore, path: str
) -> None:
    assert await _status(HttpClient(harness.context(), "config"), path) == 404


async def _status(http: HttpClient, path: str) -> int:
    try:
        return (await http.request("GET", path)).status
    except HttpFailure as failure:
        return failure.status


async def test_the_client_lives_on_its_last_answer_while_the_service_is_away(
    harness: ServiceHarness, store: ConfigurationStore
) -> None:
    client = ConfigClient(harness.context(), "voice-28", ttl_s=0)
    assert await client.skills("demo") == [Skill(id="English")]
    await harness["config"].stop()
    assert await client.skills("demo") == [Skill(id="English")]


async def test_numbers_are_at_hand_and_follow_each_change_alone(
    harness: ServiceHarness, store: ConfigurationStore
) -> None:
    numbers = FollowedConfiguration(harness.context(), http="voice-32", stream="voice-36")
    numbers.start()
    async with asyncio.timeout(20):
        assert numbers.dn_at_hand("demo", "4711") == (False, None)
        while numbers.dn_at_hand("demo", "1001") != (True, Extension(id="1001")):
            await asyncio.sleep(0.01)
        assert numbers.dn_at_hand("demo", "4711") == (True, None)
        untouched = numbers.dn_at_hand("demo", "8500")[1]
        await store.save([("dns", Extension(id="1001", user="changed"))])
        while await numbers.dn("demo", "1001") != Extension(id="1001", user="changed"):
            await asyncio.sleep(0.01)
        assert numbers.dn_at_hand("demo", "8500")[1] is untouched is not None
        assert numbers.dn_at_hand("demo", "1001") == (True, Extension(id="1001", user="changed"))
        await store.save([("dns", Extension(id="1002"))])
        while await numbers.dn("demo", "1002") is None:
            await asyncio.sleep(0.01)
        await store.remove("dns", "1002")
        while await numbers.dn("demo", "1002") is not None:
            await asyncio.sleep(0.01)


async def test_numbers_of_which_no_change_told_are_noticed_at_the_second_look(
    harness: ServiceHarness, store: ConfigurationStore
) -> None:
    numbers = FollowedConfiguration(harness.context(), http="voice-32", stream="voice-36")
    await numbers.look("demo")
    known = numbers.dn_at_hand("demo", "8500")[1]
    await harness["config"].ctx.process.valkey.call("SET", version_key("demo"), 10_000)  # as restored
    client = ConfigClient(harness.context(), "voice-28", ttl_s=0)
    async with asyncio.timeout(20):
        while await client.version("demo") != 10_000:
            await asyncio.sleep(0.02)
    await numbers.look("demo")
    assert numbers.dn_at_hand("demo", "8500")[1] is known is not None
    await numbers.look("demo")
    assert numbers.dn_at_hand("demo", "8500")[1] == known
    assert numbers.dn_at_hand("demo", "8500")[1] is not known
    numbers.changed("demo", ConfigChange("skills", "English", 10_002))  # one is missing
    assert numbers.dn_at_hand("demo", "4711") == (False, None)
    await harness["config"].stop()
    with pytest.raises(HttpUnavailable):
        await numbers.look("demo")
    assert await numbers.dn("demo", "8500") == known  # away: the last answer stands in


async def test_changes_that_the_stream_has_lost_are_served_and_asked_for_too(
    harness: ServiceHarness, store: ConfigurationStore
) -> None:
    """More changes than the stream holds, faster than they are read: a list of numbers is brought in."""
    valkey, client = (
        harness["config"].ctx.process.valkey,
        ConfigClient(harness.context(), "voice-28", ttl_s=60),
    )
    version = await client.version("demo")
    assert await client.dn("demo", "5001") is await client.dn("demo", "5002") is None
    assert await client.skills("demo") == [Skill(id="English")]
    last = ConfigChange("dns", "5002", version + 3)
    await valkey.post(
        [
            ("HSET", kind_key("demo", "dns"), "5001", msgspec.json.encode(Extension(id="5001"))),
            ("HSET", kind_key("demo", "skills"), "Sales", msgspec.json.encode(Skill(id="Sales"))),
            ("HSET", kind_key("demo", "dns"), "5002", msgspec.json.encode(Extension(id="5002"))),
            ("XADD", changes_stream("demo"), "*", "e", msgspec.json.encode(last)),
            ("SET", version_key("demo"), last.version),
        ]
    )
    client.changed("demo", ConfigChange("dns", "1001", version))
    client.changed("demo", last)
    async with asyncio.timeout(20):
        while await client.dn("demo", "5002") is None:
            await asyncio.sleep(0.01)
        while await client.skills("demo") != [Skill(id="English"), Skill(id="Sales")]:
            await asyncio.sleep(0.01)
        assert await client.dn("demo", "5001") == Extension(id="5001")
