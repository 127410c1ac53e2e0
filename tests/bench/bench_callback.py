"""Callbacks: created per second, answered after the commit, and what scheduled ones cost by being there.

`make bench-callback`. One engagement process, embedded PostgreSQL and Valkey; the load runs in this process.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import aiohttp
import asyncpg
from stand import Stand, report

CREATES = 3000
WORKERS = 32
PRESENT = 100_000

COPY_ROWS = """
INSERT INTO engagement.callbacks (id, tenant, service, number, state, created_at, updated_at, heard_at,
                                  desired_at, arrived_at, due_at, expires_at, details)
SELECT gen_random_uuid(), tenant, service, number, state, created_at, updated_at, heard_at,
       desired_at + n * interval '1 second', arrived_at, due_at + n * interval '1 second', expires_at, details
FROM (SELECT * FROM engagement.callbacks WHERE state = 'SCHEDULED' LIMIT 1) AS one,
     generate_series(1, $1::int) AS n
"""


class Load:
    """Creates callbacks over HTTP, as an outside client does."""

    def __init__(self, stand: Stand, session: aiohttp.ClientSession) -> None:
        host, port = stand.context().address("engagement")
        self._url = f"http://{host}:{port}/engagement/v3/callbacks/create"
        self._headers = {"x-api-key": stand.secrets.api_key}
        self._session = session
        self.taken: list[float] = []
        self._made = 0

    async def create(self) -> None:
        """Create one callback for tomorrow."""
        self._made += 1
        desired = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1, seconds=self._made)
        body = {
            "serviceName": "CB_Sales",
            "phoneNumber": f"+1202555{self._made % 10000:04}",
            "desiredTime": desired.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "userData": {"origin": "bench"},
        }
        began = time.perf_counter()
        async with self._session.post(self._url, json=body, headers=self._headers) as response:
            text = await response.text()
            assert response.status == 200, text
        self.taken.append(time.perf_counter() - began)

    async def run(self, count: int) -> float:
        """Create `count` callbacks with all workers; seconds it took."""
        self.taken.clear()
        left = iter(range(count))

        async def work() -> None:
            for _ in left:
                await self.create()

        began = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(WORKERS)))
        return time.perf_counter() - began


async def main() -> None:
    """Run all and print one table."""
    async with Stand([["engagement"]]) as stand, aiohttp.ClientSession() as session:
        load = Load(stand, session)
        await load.run(200)
        few = await measure(stand, load)
        rss_before = stand.rss("engagement")
        valkey_before = await used_memory(stand)
        database = await asyncpg.connect(stand.postgres.dsn)
        size_before = await database.fetchval("SELECT pg_total_relation_size('engagement.callbacks')")
        await database.execute(COPY_ROWS, PRESENT, timeout=120)
        await database.execute("ANALYZE engagement.callbacks")
        size = await database.fetchval("SELECT pg_total_relation_size('engagement.callbacks')")
        await asyncio.sleep(5)  # let the scheduler look at them
        many = await measure(stand, load)
        present = {
            "engagement, resident MiB": stand.rss("engagement") - rss_before,
            "Valkey, used MiB": await used_memory(stand) - valkey_before,
            "PostgreSQL on disk, MiB": (size - size_before) / 2**20,
        }
        await database.close()
    rows = [(name, few[name], many[name], many[name] / few[name] if few[name] else 0.0) for name in few]
    rows += [(f"{PRESENT:,} scheduled callbacks: {name}", "", value, "") for name, value in present.items()]
    figures = [{"metric": name, "value": value, "unit": ""} for name, value in {**few, **present}.items()]
    figures += [
        {"metric": f"{name} with {PRESENT} scheduled", "value": v, "unit": ""} for name, v in many.items()
    ]
    report("callback", "Callbacks", ("figure", "few there", f"{PRESENT:,} there", "ratio"), rows, figures)


async def measure(stand: Stand, load: Load) -> dict[str, float]:
    """Creates per second, latency and CPU."""
    before = stand.cpu()
    seconds = await load.run(CREATES)
    after = stand.cpu()
    taken = sorted(load.taken)
    return {
        "creates per second, acknowledged after commit": CREATES / seconds,
        "p50 ms": taken[len(taken) // 2] * 1000,
        "p99 ms": taken[int(len(taken) * 0.99)] * 1000,
        "engagement CPU ms per create": (after["engagement"] - before["engagement"]) / CREATES * 1000,
    }


async def used_memory(stand: Stand) -> float:
    """Valkey's own figure, MiB."""
    info = await stand.process.valkey.call("INFO", "memory")
    line = next(line for line in info.decode().splitlines() if line.startswith("used_memory:"))
    return int(line.partition(":")[2]) / 2**20


if __name__ == "__main__":
    asyncio.run(main())
