"""The schedule-and-fire load on procrastinate, run by the interpreter that has it: figures as JSON on stdout.

callback_peer.py DSN schema             its tables
callback_peer.py DSN defer COUNT        jobs scheduled for tomorrow by 32 tasks
callback_peer.py DSN fire COUNT RATE    jobs due one after the other, fired by a worker in this process
"""

import asyncio
import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta

import procrastinate

TASKS = 32
NUMBER = "+12025550123"


def make_app(dsn: str) -> procrastinate.App:
    return procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=dsn, max_size=8))


async def defer(dsn: str, count: int) -> dict[str, float]:
    app = make_app(dsn)
    async with app.open_async():
        tomorrow, left = datetime.now(UTC) + timedelta(days=1), iter(range(count))

        async def work() -> None:
            for number in left:
                at = tomorrow + timedelta(seconds=number)
                await app.configure_task("call", schedule_at=at).defer_async(number=NUMBER, origin="bench")

        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(work() for _ in range(TASKS)))
        seconds = time.perf_counter() - began
    return {"per_second": count / seconds, "cpu_ms": (time.process_time() - cpu) / count * 1000}


async def fire(dsn: str, count: int, rate: float) -> dict[str, float]:
    app = make_app(dsn)
    late: list[float] = []
    done = asyncio.Event()

    @app.task(name="call")
    async def call(number: str, due: float) -> None:
        late.append(time.time() - due)
        if len(late) == count:
            done.set()

    async with app.open_async():
        first = time.time() + 5
        for index in range(0, count, 100):
            await asyncio.gather(
                *(
                    call.configure(schedule_at=datetime.fromtimestamp(due, UTC)).defer_async(
                        number=NUMBER, due=due
                    )
                    for due in (first + n / rate for n in range(index, min(count, index + 100)))
                )
            )
        late_by = max(0.0, time.time() - first)
        cpu = time.process_time()
        worker = asyncio.create_task(
            app.run_worker_async(
                concurrency=50, fetch_job_polling_interval=0.5, install_signal_handlers=False
            )
        )
        async with asyncio.timeout(count / rate + 60):
            await done.wait()
        used = time.process_time() - cpu
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
    late.sort()
    return {
        "p50_ms": late[count // 2] * 1000,
        "p99_ms": late[int(count * 0.99)] * 1000,
        "cpu_ms": used / count * 1000,
        "began_late_s": late_by,
    }


async def main(dsn: str, what: str, *numbers: str) -> None:
    if what == "schema":
        app = make_app(dsn)
        async with app.open_async():
            await app.schema_manager.apply_schema_async()
        result = {}
    elif what == "defer":
        result = await defer(dsn, int(numbers[0]))
    else:
        result = await fire(dsn, int(numbers[0]), float(numbers[1]))
    print(json.dumps(result))


if __name__ == "__main__":
    os.environ.setdefault("PGTZ", "UTC")
    asyncio.run(main(*sys.argv[1:]))
