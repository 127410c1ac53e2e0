"""Callbacks: created, looked up, found due and started, beside procrastinate on the same PostgreSQL.

`make bench-callback`. One engagement process, auth beside it, embedded PostgreSQL and Valkey; the load runs
in this process and is made of ready requests (`httpload.py`), so that it is not what is measured.
procrastinate comes from PyPI into an environment of its own (`var/bench/procrastinate`), for this only.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import uvloop
from httpload import HttpLoad, get, post
from stand import ROOT, Stand, family_cpu_seconds, report

from ringback.contracts.auth import ApiKeyReply
from ringback.contracts.callbacks import STREAM
from ringback.runtime.http import HttpClient, HttpFailure, HttpUnavailable
from ringback.services.engagement.store import QUERIES

CREATES = 6000
RETRIEVES = 6000
AT_RATE, RATE_S = 500, 8
PRESENT = 1_000_000
DUE, DUE_RATE = 2000, 200
CONNECTIONS = 32
AREAS = (202, 212, 213, 305, 312)
PEER_VENV = ROOT / "var" / "bench" / "procrastinate"
SETTINGS = {
    "sales": {"_route_point": "8010", "_max_request_by_time_bucket": "100000"},
    "desk": {"_route_point": "8010", "_request_time_bucket": "15", "_max_request_by_time_bucket": "4"},
}

COPY_ROWS = """
INSERT INTO engagement.callbacks (id, tenant, service, number, state, created_at, updated_at, heard_at,
                                  desired_at, arrived_at, due_at, expires_at, details)
SELECT gen_random_uuid(), tenant, service, '+1303' || lpad((5550000 + n)::text, 7, '0'), state, created_at,
       updated_at, heard_at, at, at, at, at + interval '1 day', details
FROM (SELECT * FROM engagement.callbacks WHERE state = 'SCHEDULED' LIMIT 1) AS one,
     generate_series(1, $1::int) AS n,
     LATERAL (SELECT now() + interval '10 hours' + n * interval '2 seconds' AS at) AS moment
"""
DUE_ROWS = """
UPDATE engagement.callbacks c SET due_at = to_timestamp($2::float8 + n / $3::float8)
FROM (SELECT id, row_number() OVER () - 1 AS n FROM (
          SELECT id FROM engagement.callbacks WHERE number LIKE '+1303%' AND state = 'SCHEDULED' LIMIT $1
      ) AS few) AS chosen
WHERE c.id = chosen.id
"""
FULL_BOOK = """
INSERT INTO engagement.slots
SELECT 'demo', 'desk', 15, s, 4
FROM generate_series($1::bigint, $1 + 14 * 86400, 900) AS s
"""
# The bench asks faster than a key usually may.
_UNLIMITED = {"rate": 1_000_000, "burst": 1_000_000}


class Bench:
    """One node of engagement, and what a client of it does."""

    def __init__(self, stand: Stand, key: str, database: asyncpg.Connection) -> None:
        self.stand = stand
        self.database = database
        self._headers = {"x-api-key": key}
        self._made = 0
        self.address = stand.context().address("engagement")

    def creates(self, count: int) -> list[bytes]:
        """Requests for callbacks from tomorrow on, of fifty thousand customers."""
        made = []
        for _ in range(count):
            self._made += 1
            at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1, seconds=self._made)
            body = {
                "serviceName": "sales",
                "phoneNumber": f"+1{AREAS[self._made // 10000 % 5]}555{self._made % 10000:04}",
                "desiredTime": at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "userData": {"origin": "bench"},
            }
            made.append(self.post("callbacks/create", body))
        return made

    def post(self, path: str, body: object) -> bytes:
        return post(f"/engagement/v3/{path}", self.address[0], self._headers, json.dumps(body).encode())

    def get(self, path: str) -> bytes:
        return get(f"/engagement/v3/{path}", self.address[0], self._headers)

    def cpu(self) -> tuple[float, float]:
        """CPU seconds of engagement and of PostgreSQL."""
        return self.stand.cpu()["engagement"], family_cpu_seconds(self.stand.postgres.pid)

    async def create(self, load: HttpLoad) -> dict[str, float]:
        """As many as can be, then at a steady rate."""
        requests = self.creates(CREATES)
        before = self.cpu()
        fast = await load.at_once(requests)
        after = self.cpu()
        steady = await load.at_rate(self.creates(AT_RATE * RATE_S), AT_RATE)
        assert fast.refused == steady.refused == 0, self.stand.logs()
        return {
            "creates a second, acknowledged after commit": fast.per_second,
            "engagement, CPU ms per create": (after[0] - before[0]) / CREATES * 1000,
            "PostgreSQL, CPU ms per create": (after[1] - before[1]) / CREATES * 1000,
            f"at {AT_RATE}/s: p50 ms": steady.ms(0.5),
            f"at {AT_RATE}/s: p99 ms": steady.ms(0.99),
        }

    async def retrieve(self, load: HttpLoad) -> dict[str, float]:
        """Look up callbacks of all ages."""
        rows = await self.database.fetch(
            "SELECT id FROM engagement.callbacks TABLESAMPLE BERNOULLI (10) LIMIT 200"
        )
        requests = [self.post("callbacks/retrieve", {"id": str(row["id"])}) for row in rows]
        before = self.cpu()
        answers = await load.at_once([requests[n % len(requests)] for n in range(RETRIEVES)])
        after = self.cpu()
        assert answers.refused == 0
        return {
            "retrieves a second": answers.per_second,
            "engagement, CPU ms per retrieve": (after[0] - before[0]) / RETRIEVES * 1000,
        }

    async def availability(self, load: HttpLoad) -> dict[str, float]:
        """Two weeks, every slot of them taken, and the same with the taken ones shown."""
        start = int(time.time()) // 900 * 900
        await self.database.execute(FULL_BOOK, start)
        found = {}
        for name, query in (
            ("", "numberOfDays=14"),
            (", taken slots shown", "numberOfDays=14&reportBusy=true"),
        ):
            answers = await load.at_once([self.get(f"callbacks/availability/desk?{query}")] * 60)
            assert answers.refused == 0
            found[f"availability of 14 days, full book{name}: p50 ms"] = answers.ms(0.5)
        return found

    async def due_query(self) -> dict[str, float]:
        """The scheduler's query when a hundred are due, and when none is."""
        found = {}
        for name, at in (("100 due", "+ interval '10 hours 202 seconds'"), ("none due", "")):
            taken = []
            now = await self.database.fetchval(f"SELECT now() {at}")
            for _ in range(100):
                began = time.perf_counter()
                transaction = self.database.transaction()
                await transaction.start()
                await self.database.fetch(QUERIES["lock_due"], now, 100)
                taken.append(time.perf_counter() - began)
                await transaction.rollback()
            found[f"due query, {name}: p50 ms"] = sorted(taken)[50] * 1000
        return found

    async def start_delay(self) -> dict[str, float]:
        """From the moment when a callback is due to its entry in the stream."""
        valkey = self.stand.process.valkey
        last = "$"
        latest = await valkey.call("XREVRANGE", STREAM, "+", "-", "COUNT", "1")
        last = latest[0][0].decode() if latest else "0"
        first = time.time() + 4
        await self.database.execute(DUE_ROWS, DUE, first, float(DUE_RATE))
        due = {
            str(row["id"]): row["due_at"].timestamp()
            for row in await self.database.fetch(
                "SELECT id, due_at FROM engagement.callbacks"
                " WHERE due_at BETWEEN to_timestamp($1) AND to_timestamp($2)",
                first - 0.001,
                first + DUE / DUE_RATE,
            )
        }
        began_late = max(0.0, time.time() - first)
        before = self.cpu()
        late: dict[str, float] = {}
        async with asyncio.timeout(DUE / DUE_RATE + 60):
            while len(late) < len(due):
                for entry_id, fields in await valkey.call("XRANGE", STREAM, f"({last}", "+"):
                    last = entry_id.decode()
                    words = dict(zip(fields[::2], fields[1::2], strict=True))
                    callback = words[b"callback_id"].decode()
                    assert callback not in late, "started twice"
                    # The stream's ids are the milliseconds at which Valkey took the entries.
                    late[callback] = int(last.partition("-")[0]) / 1000 - due[callback]
                await asyncio.sleep(0.05)
        after = self.cpu()
        taken = sorted(late.values())
        return {
            f"start delay at {DUE_RATE} due/s: p50 ms": taken[len(taken) // 2] * 1000,
            f"start delay at {DUE_RATE} due/s: p99 ms": taken[int(len(taken) * 0.99)] * 1000,
            "engagement, CPU ms per start": (after[0] - before[0]) / len(due) * 1000,
            "(the first were due before they were written, s)": began_late,
        }


async def peer(stand: Stand) -> dict[str, float]:
    """The same of procrastinate, in a database of its own beside."""
    dsn = stand.postgres.dsn_of("peer")
    await stand.postgres.execute("CREATE DATABASE peer")
    await run_peer(dsn, "schema")
    server = stand.postgres.pid
    before = family_cpu_seconds(server)
    deferred = await run_peer(dsn, "defer", str(CREATES))
    used = family_cpu_seconds(server) - before
    fired = await run_peer(dsn, "fire", str(DUE), str(DUE_RATE))
    return {
        "creates a second, acknowledged after commit": deferred["per_second"],
        "engagement, CPU ms per create": deferred["cpu_ms"],
        "PostgreSQL, CPU ms per create": used / CREATES * 1000,
        f"start delay at {DUE_RATE} due/s: p50 ms": fired["p50_ms"],
        f"start delay at {DUE_RATE} due/s: p99 ms": fired["p99_ms"],
        "engagement, CPU ms per start": fired["cpu_ms"],
        "(the first were due before they were written, s)": fired["began_late_s"],
    }


async def run_peer(*arguments: str) -> dict[str, float]:
    """One run of `callback_peer.py` in the peer's environment."""
    script = str(ROOT / "tests" / "bench" / "callback_peer.py")
    command = (str(PEER_VENV / "bin" / "python"), script, *arguments)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    figures: dict[str, float] = json.loads(out)
    return figures


def install_peer() -> None:
    """Install procrastinate where only this benchmark sees it."""
    if (PEER_VENV / "bin" / "procrastinate").exists():
        return
    print("Installing procrastinate for the comparison …")
    subprocess.run([sys.executable, "-m", "venv", str(PEER_VENV)], check=True)
    pip = str(PEER_VENV / "bin" / "pip")
    subprocess.run([pip, "install", "--quiet", "procrastinate", "psycopg[binary]"], check=True)


async def prepared(stand: Stand, database: asyncpg.Connection) -> Bench:
    """A tenant with a key and two services."""
    ctx = stand.context()
    environment = HttpClient(ctx, "auth", "environment")
    designer = HttpClient(ctx, "engagement", connection="ges-14")
    async with asyncio.timeout(60):
        while True:
            try:
                key = await environment.post(
                    "/environment/v3/api-keys", {"tenant": "demo", "name": "bench", **_UNLIMITED}, ApiKeyReply
                )
                await designer.post("/internal/settings/demo", SETTINGS)
                return Bench(stand, key.key, database)
            except (HttpFailure, HttpUnavailable):
                await asyncio.sleep(0.2)


async def main() -> None:
    """Run all and print one table."""
    install_peer()
    async with Stand([["engagement"], ["auth"]], alone=True) as stand:
        database = await asyncpg.connect(stand.postgres.dsn)
        bench = await prepared(stand, database)
        async with HttpLoad(bench.address, CONNECTIONS) as load, HttpLoad(bench.address, 1) as single:
            await load.at_once(bench.creates(500))
            few = await bench.create(load) | await bench.retrieve(load)
            memory = stand.rss("engagement")
            await database.execute(COPY_ROWS, PRESENT, timeout=600)
            await database.execute("VACUUM ANALYZE engagement.callbacks", timeout=600)
            await database.execute("CHECKPOINT", timeout=600)
            many = await bench.create(load) | await bench.retrieve(load)
            many |= await bench.availability(single) | await bench.due_query()
        many |= await bench.start_delay()
        size = await database.fetchval("SELECT pg_total_relation_size('engagement.callbacks')")
        present = {
            "engagement, resident MiB more": stand.rss("engagement") - memory,
            "PostgreSQL on disk, MiB": size / 2**20,
        }
        beside = await peer(stand)
        await database.close()
    show(few, many, beside, present)


def show(
    few: dict[str, float], many: dict[str, float], beside: dict[str, float], present: dict[str, float]
) -> None:
    """One table, and the file."""
    rows = [(name, few.get(name, ""), value, beside.get(name, "")) for name, value in many.items()]
    rows += [(f"{PRESENT:,} scheduled: {name}", "", value, "") for name, value in present.items()]
    figures: list[dict[str, Any]] = [
        {"metric": name, "value": value, "unit": "", "few_there": few.get(name)}
        | ({"peer": "procrastinate", "peer_value": beside[name]} if name in beside else {})
        for name, value in {**many, **present}.items()
    ]
    report(
        "callback", "Callbacks", ("figure", "few there", f"{PRESENT:,} there", "procrastinate"), rows, figures
    )


if __name__ == "__main__":
    uvloop.run(main())
