"""Who existed when: the history for billing, on a real PostgreSQL."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from ringback.domain.configuration import Configuration, Extension, Mailbox, Person, Place, Skill, Tenant
from ringback.runtime.migrate import find_migrations, migrate
from ringback.services.tenant.configuration import ConfigurationStore
from ringback.services.tenant.inventory import HistoryParams, Inventory, UsageParams
from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import run_host

HOST = run_host(35)
SMALL = Configuration(
    tenant=Tenant(id="demo", domain="demo.example"),
    skills=(Skill(id="English"),),
    dns=(Extension(id="1001"), Extension(id="1002"), Mailbox(id="8500")),
    places=(Place(id="desk-1", dn="1001"),),
    persons=(
        Person(id="kim", login_ids=("5001", "5002")),
        Person(id="lee", enabled=False),
    ),
)


class Books:
    """The store that is written, the history that is read, and the database's clock."""

    def __init__(self, running: ServiceHarness) -> None:
        ctx = running.context("tenant")
        self.pool = ctx.postgres.pool
        self.store = ConfigurationStore(ctx, "demo")
        self.inventory = Inventory(ctx)

    async def now(self) -> float:
        found: float = await self.pool.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
        return found

    async def items(self, category: str, since: float = 0.0, until: float = 4e9) -> list[tuple[str, bool]]:
        """Items of the period, and whether they exist still."""
        wanted = HistoryParams(tenant="demo", category=category, since=since, until=until)
        page = await self.inventory.history(wanted)
        return [(span.item, span.until is None) for span in page.items]


@pytest.fixture
async def books(valkey_url: str, postgres_dsn: str) -> AsyncIterator[Books]:
    await migrate(postgres_dsn, ["tenant"])
    async with ServiceHarness(valkey_url=valkey_url, postgres_dsn=postgres_dsn, host=HOST) as running:
        await running.process.postgres.start()
        yield Books(running)


async def test_everything_that_is_billed_is_counted_at_each_moment(books: Books) -> None:
    before = await books.now()
    await books.store.import_(SMALL)
    first = await books.now()
    await books.store.save(
        [("persons", Person(id="kim", login_ids=("5002", "5003"))), ("dns", Extension(id="1003"))]
    )
    await books.store.remove("persons", "lee")
    assert await books.inventory.at("demo", before) == {}
    assert await books.inventory.at("demo", first) == {
        "dns.extension": 2,
        "dns.mailbox": 1,
        "logins": 2,
        "persons": 2,
        "persons.enabled": 1,
        "places": 1,
        "skills": 1,
        "tenant": 1,
    }
    now = await books.inventory.at("demo", await books.now())
    assert (now["dns.extension"], now["persons"], now["logins"]) == (3, 1, 2)
    assert await books.inventory.at("nobody", await books.now()) == {}


async def test_items_have_the_times_between_which_they_existed(books: Books) -> None:
    await books.store.import_(SMALL)
    middle = await books.now()
    await books.store.remove("dns", "1002")
    gone = await books.now()
    await books.store.save([("dns", Extension(id="1002"))])
    assert await books.items("dns.extension") == [("1001", True), ("1002", False), ("1002", True)]
    assert await books.items("dns.extension", until=middle) == [("1001", True), ("1002", False)]
    assert await books.items("dns.extension", since=gone) == [("1001", True), ("1002", True)]
    await books.store.save([("persons", Person(id="kim", login_ids=("5002",)))])
    assert await books.items("logins") == [("5001", False), ("5002", True)]
    page = await books.inventory.history(HistoryParams(tenant="demo", category="logins"))
    assert {span.owner for span in page.items} == {"kim"}


async def test_a_change_that_is_none_leaves_no_trace(books: Books) -> None:
    await books.store.import_(SMALL)
    rows = await books.pool.fetchval("SELECT count(*) FROM tenant.inventory_log")
    await books.store.import_(SMALL)
    await books.store.save([("dns", Extension(id="1001", name="Front desk"))])
    assert await books.pool.fetchval("SELECT count(*) FROM tenant.inventory_log") == rows


async def test_a_long_history_is_read_page_by_page(books: Books) -> None:
    await books.store.import_(SMALL)
    await books.store.save([("skills", Skill(id=f"S{number}")) for number in range(7)])
    found, after = [], 0
    while True:
        wanted = HistoryParams(tenant="demo", category="skills", after=after, limit=3)
        page = await books.inventory.history(wanted)
        found += [span.item for span in page.items]
        if not page.next:
            break
        after = page.next
    assert found == ["English", *(f"S{number}" for number in range(7))]


async def test_usage_is_the_most_at_once_and_not_the_sum(books: Books) -> None:
    await books.store.import_(SMALL)
    since = await books.now()
    await books.store.save([("dns", Extension(id="1003"))])
    await books.store.remove("dns", "1003")
    await books.store.save([("dns", Extension(id="1004"))])
    await books.store.remove("dns", "1002")
    usage = await books.inventory.usage(UsageParams(tenant="demo", since=since, until=await books.now()))
    extensions = next(each for each in usage if each.category == "dns.extension")
    assert (extensions.peak, extensions.items, extensions.at_end) == (3, 4, 2)
    mailboxes = next(each for each in usage if each.category == "dns.mailbox")
    assert (mailboxes.peak, mailboxes.items, mailboxes.at_end) == (1, 1, 1)
    later = await books.now()
    usage = await books.inventory.usage(UsageParams(tenant="demo", since=later, until=later + 60))
    assert next(each for each in usage if each.category == "dns.extension").items == 2


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tenant.inventory_log SET present = false",
        "DELETE FROM tenant.inventory_log",
        "TRUNCATE tenant.inventory_log",
    ],
)
async def test_history_cannot_be_changed(books: Books, statement: str) -> None:
    await books.store.import_(SMALL)
    with pytest.raises(asyncpg.RaiseError, match="append-only"):
        await books.pool.execute(statement)


async def test_what_was_there_before_the_history_began_is_in_it(postgres_dsn: str) -> None:
    first, inventory = (
        next(each for each in find_migrations(["tenant"]) if each.file.startswith(number))
        for number in ("0001", "0010")
    )
    connection = await asyncpg.connect(postgres_dsn)
    try:
        await connection.execute(first.sql)
        await connection.execute(
            "INSERT INTO tenant.objects (tenant, kind, id, body, version, changed_at)"
            " VALUES ('demo', 'persons', 'kim', '{\"id\":\"kim\",\"login_ids\":[\"5001\"]}', 1, '2020-01-01')"
        )
        await connection.execute(inventory.sql)
        rows = await connection.fetch("SELECT category, item, at FROM tenant.inventory_log ORDER BY category")
        assert [(row["category"], row["item"]) for row in rows] == [
            ("logins", "5001"),
            ("persons", "kim"),
            ("persons.enabled", "kim"),
        ]
        assert {row["at"].year for row in rows} <= {2019, 2020}
        await connection.execute(inventory.sql)
        assert await connection.fetchval("SELECT count(*) FROM tenant.inventory_log") == 3
    finally:
        await connection.close()
