import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from ringback.contracts.configuration import ConfigChange, changes_stream, kind_key, version_key
from ringback.domain.configuration import Configuration, Extension, Person, Skill, Tenant
from ringback.runtime.link import LinkClient, LinkError, LinkServer
from ringback.runtime.migrate import migrate
from ringback.runtime.streams import parse_entries
from ringback.services.tenant.configuration import ConfigurationStore, InvalidConfiguration
from ringback.services.tenant.configuration_link import ConfigurationLink
from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import ValkeyForTests, run_host

HOST = run_host(11)
SMALL = Configuration(
    tenant=Tenant(id="demo", domain="demo.example"),
    skills=(Skill(id="English"),),
    dns=(Extension(id="1001"), Extension(id="1002")),
    persons=(Person(id="kim", skills={"English": 3}, dn="1001"),),
)


@pytest.fixture
async def harness(valkey_url: str, postgres_dsn: str) -> AsyncIterator[ServiceHarness]:
    await migrate(postgres_dsn, ["tenant"])
    async with ServiceHarness(valkey_url=valkey_url, postgres_dsn=postgres_dsn, host=HOST) as running:
        await running.process.postgres.start()
        yield running


@pytest.fixture
async def store(harness: ServiceHarness) -> ConfigurationStore:
    return ConfigurationStore(harness.context("tenant"), "demo")


async def changes(harness: ServiceHarness) -> list[ConfigChange]:
    rows = await harness.process.valkey.call("XRANGE", changes_stream("demo"), "-", "+")
    return [entry.json(ConfigChange) for entry in parse_entries("", rows)]


async def kept(store: ConfigurationStore) -> Configuration | None:
    """All objects as they are in the database."""
    fields: dict[str, list[object]] = {}
    for item in await store.changes(0, 1000):
        if item.body is not None:
            fields.setdefault(item.kind, []).append(msgspec.json.decode(item.body))
    if not fields:
        return None
    return msgspec.convert({**fields, "tenant": fields["tenant"][0]}, Configuration)


class TestImport:
    async def test_all_objects_are_kept_and_published(
        self, harness: ServiceHarness, store: ConfigurationStore
    ) -> None:
        assert await store.import_(SMALL) == 5
        assert await kept(store) == SMALL
        body = await harness.process.valkey.call("HGET", kind_key("demo", "dns"), "1001")
        assert msgspec.json.decode(body) == {"type": "extension", "id": "1001"}
        assert [change.version for change in await changes(harness)] == [1, 2, 3, 4, 5]

    async def test_a_second_time_changes_nothing(
        self, harness: ServiceHarness, store: ConfigurationStore
    ) -> None:
        await store.import_(SMALL)
        assert await store.import_(SMALL) == 0
        assert len(await changes(harness)) == 5

    async def test_what_is_no_longer_there_is_removed(
        self, harness: ServiceHarness, store: ConfigurationStore
    ) -> None:
        await store.import_(SMALL)
        smaller = msgspec.structs.replace(SMALL, dns=SMALL.dns[:1])
        assert await store.import_(smaller) == 1
        assert await kept(store) == smaller
        assert await harness.process.valkey.call("HGET", kind_key("demo", "dns"), "1002") is None
        assert (await changes(harness))[-1] == ConfigChange("dns", "1002", 6, removed=True)

    async def test_a_wrong_one_is_refused_whole(self, store: ConfigurationStore) -> None:
        wrong = msgspec.structs.replace(SMALL, skills=())
        with pytest.raises(InvalidConfiguration, match="kim: skill 'English' does not exist"):
            await store.import_(wrong)
        assert await kept(store) is None


class TestTwoWriters:
    async def test_each_knows_what_the_other_has_written(
        self, harness: ServiceHarness, store: ConfigurationStore
    ) -> None:
        other = ConfigurationStore(harness.context("tenant"), "demo")
        await store.import_(SMALL)
        await other.save([("skills", Skill(id="Sales"))])
        assert await store.save([("persons", Person(id="lee", skills={"Sales": 1}))]) == 1
        with pytest.raises(InvalidConfiguration, match="lee: skill 'Sales' does not exist"):
            await other.remove("skills", "Sales")

    async def test_what_is_refused_leaves_nothing_behind(self, store: ConfigurationStore) -> None:
        await store.import_(SMALL)
        with pytest.raises(InvalidConfiguration, match="ghost"):
            await store.save([("skills", Skill(id="Sales")), ("persons", Person(id="lee", dn="ghost"))])
        assert await kept(store) == SMALL
        assert await store.save([("persons", Person(id="lee", skills={"English": 1}))]) == 1

    async def test_a_database_that_was_restored_is_read_anew(
        self, harness: ServiceHarness, store: ConfigurationStore
    ) -> None:
        await store.import_(SMALL)
        await store.save([("skills", Skill(id="Sales"))])
        await harness.process.postgres.pool.execute("DELETE FROM tenant.objects WHERE id = 'Sales'")
        with pytest.raises(InvalidConfiguration, match="Sales"):
            await store.save([("persons", Person(id="lee", skills={"Sales": 1}))])


class TestAdd:
    async def test_only_what_is_missing_is_written(self, store: ConfigurationStore) -> None:
        assert await store.add(SMALL) == 5
        await store.save([("skills", Skill(id="English", name="changed by its owner"))])
        bigger = msgspec.structs.replace(SMALL, skills=(*SMALL.skills, Skill(id="Sales")))
        assert await store.add(bigger) == 1
        present = await kept(store)
        assert present is not None
        assert sorted(skill.name for skill in present.skills) == ["", "changed by its owner"]


class TestSave:
    async def test_an_object_is_checked_against_the_others(self, store: ConfigurationStore) -> None:
        await store.import_(SMALL)
        with pytest.raises(InvalidConfiguration, match="Welsh"):
            await store.save([("persons", Person(id="lee", skills={"Welsh": 1}))])
        assert await store.save([("persons", Person(id="lee", skills={"English": 1}))]) == 1
        assert (await store.read("persons", "lee")).version == 6

    async def test_what_another_needs_cannot_be_removed(self, store: ConfigurationStore) -> None:
        await store.import_(SMALL)
        with pytest.raises(InvalidConfiguration):
            await store.remove("skills", "English")
        assert await store.remove("dns", "1002")
        assert not await store.remove("dns", "1002")
        assert await store.inventory() == {"dns.extension": 1, "persons": 1, "skills": 1, "tenant": 1}

    async def test_writers_at_the_same_time_get_versions_of_their_own(
        self, harness: ServiceHarness, store: ConfigurationStore
    ) -> None:
        await store.import_(SMALL)
        await asyncio.gather(*(store.save([("skills", Skill(id=f"s{n}"))]) for n in range(8)))
        await store.publish()
        versions = [change.version for change in await changes(harness)]
        assert versions == list(range(1, 14))


class TestPublishing:
    async def test_an_emptied_valkey_is_filled_again(
        self, harness: ServiceHarness, store: ConfigurationStore, valkey: ValkeyForTests
    ) -> None:
        await store.import_(SMALL)
        await valkey.flush()
        await store.publish()
        assert await harness.process.valkey.call("HLEN", kind_key("demo", "dns")) == 2
        assert int(await harness.process.valkey.call("GET", version_key("demo"))) == 5

    async def test_a_valkey_that_is_ahead_of_the_database_is_filled_anew(
        self, harness: ServiceHarness, store: ConfigurationStore
    ) -> None:
        call = harness.process.valkey.call
        await call("SET", version_key("demo"), 1000)
        await call("HSET", kind_key("demo", "dns"), "9999", "{}")
        await store.import_(SMALL)
        await store.publish()
        assert await call("HKEYS", kind_key("demo", "dns")) == [b"1001", b"1002"]

    async def test_a_change_while_valkey_is_away_is_published_when_it_is_back(
        self, harness: ServiceHarness, store: ConfigurationStore, valkey: ValkeyForTests
    ) -> None:
        await valkey.server.stop()
        assert await store.import_(SMALL) == 5
        await valkey.server.start()
        store.start()
        async with asyncio.timeout(10):
            while int(await store_version(harness)) != 5:
                await asyncio.sleep(0.05)


async def store_version(harness: ServiceHarness) -> int:
    try:
        return int(await harness.process.valkey.call("GET", version_key("demo")) or 0)
    except Exception:
        return 0


class TestLink:
    @pytest.fixture
    async def client(self, harness: ServiceHarness, store: ConfigurationStore) -> AsyncIterator[LinkClient]:
        server = LinkServer(harness.context("tenant"), "config")
        link = ConfigurationLink(harness.context("tenant"), server, {"demo": store})
        await server.start()
        link.start()
        client = LinkClient(harness.context("billing"), "tenant", "config", connection="voice-3")
        await client.start()
        await client.wait_connected()
        yield client
        await server.stop()

    async def test_objects_are_written_read_searched_counted_and_removed(self, client: LinkClient) -> None:
        body = {"tenant": "demo", "configuration": msgspec.to_builtins(SMALL)}
        assert await client.call("import", body) == {"changed": 5}
        skill = {"tenant": "demo", "kind": "skills", "object": {"id": "Sales"}}
        assert await client.call("write", skill) == {"changed": 1}
        read = await client.call("read", {"tenant": "demo", "kind": "dns", "id": "1001"})
        assert read["body"] == {"type": "extension", "id": "1001"}
        page = {"tenant": "demo", "kind": "dns", "like": {"type": "extension"}, "limit": 1}
        first = await client.call("search", page)
        assert [item["id"] for item in first["objects"]] == ["1001"]
        assert first["more"]
        second = await client.call("search", {**page, "after": "1001"})
        assert [item["id"] for item in second["objects"]] == ["1002"]
        assert (await client.call("inventory", {"tenant": "demo"}))["skills"] == 2
        sales = {"tenant": "demo", "kind": "skills", "id": "Sales"}
        assert await client.call("remove", sales) == {"changed": 1}
        with pytest.raises(LinkError, match="skills has no Sales"):
            await client.call("read", sales)

    async def test_a_search_by_a_part_of_the_name(
        self, client: LinkClient, store: ConfigurationStore
    ) -> None:
        await store.import_(SMALL)
        await store.save([("persons", Person(id="lee", name="Bruce 100%"))])
        for text, found in (
            ("BRUCE", ["lee"]),
            ("%", ["lee"]),
            ("_", []),
            ("k", ["kim"]),
            ("", ["kim", "lee"]),
        ):
            page = await client.call("search", {"tenant": "demo", "kind": "persons", "text": text})
            assert [item["id"] for item in page["objects"]] == found

    async def test_who_was_away_reads_what_has_changed(
        self, client: LinkClient, store: ConfigurationStore
    ) -> None:
        await store.import_(SMALL)
        await store.save([("skills", Skill(id="Sales"))])
        await store.remove("skills", "Sales")
        page = await client.call("changes", {"tenant": "demo", "version": 5, "limit": 10})
        assert [(each["id"], each.get("body")) for each in page["objects"]] == [("Sales", None)]
        assert not page["more"]

    async def test_a_subscriber_is_told_of_the_kinds_it_asked_for(
        self, client: LinkClient, store: ConfigurationStore
    ) -> None:
        told: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        client.on("changed", told.put)
        await client.call("subscribe", {"tenant": "demo", "kinds": ["skills"]})
        await store.import_(SMALL)
        async with asyncio.timeout(20):
            change = await told.get()
        assert (change["kind"], change["id"], change["object"]) == ("skills", "English", {"id": "English"})
        await store.save([("dns", Extension(id="1003"))])
        await store.save([("skills", Skill(id="Sales"))])
        async with asyncio.timeout(20):
            assert (await told.get())["id"] == "Sales"

    @pytest.mark.parametrize(
        ("method", "params"),
        [
            ("read", {"tenant": "demo", "kind": "dns", "id": "0"}),
            ("read", {"tenant": "nobody", "kind": "dns", "id": "1"}),
            ("read", {"tenant": "demo", "kind": "toys", "id": "1"}),
            ("read", {}),
            ("write", {"tenant": "demo", "kind": "dns", "object": {"id": "1"}}),
            ("write", {"tenant": "demo", "kind": "skills", "object": {"id": "a b"}}),
            ("inventory", {}),
            ("inventory", {"tenant": "demo", "at": -1.0}),
            ("history", {"tenant": "nobody", "category": "persons"}),
            ("history", {"tenant": "demo", "category": "a\0b"}),
            ("usage", {"tenant": "demo"}),
            ("search", {"tenant": "demo", "kind": "persons", "text": "\0"}),
        ],
    )
    async def test_a_wrong_request_is_refused(
        self, client: LinkClient, store: ConfigurationStore, method: str, params: dict[str, object]
    ) -> None:
        await store.import_(SMALL)
        with pytest.raises(LinkError):
            await client.call(method, params)
