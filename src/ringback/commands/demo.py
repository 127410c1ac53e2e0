"""The process of the demo's scripted callers and agents."""

import asyncio
import signal
from contextlib import suppress
from pathlib import Path

from ringback.commands.joining import joined_settings
from ringback.commands.run import say_ready
from ringback.runtime.context import Context, Process
from ringback.runtime.logs import configure_logs
from ringback.runtime.settings import CommonSettings
from ringback.testing.demo import Demo


def run_demo(data: Path | None) -> None:
    """Play until a signal; then phones unregister and calls end."""
    asyncio.run(_play(joined_settings(data)))


async def _play(common: CommonSettings) -> None:
    configure_logs(common.log_level)
    process = Process(common)
    await process.start(needs_postgres=False)
    playing = asyncio.create_task(Demo(Context(process, "demo")).run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, playing.cancel)
    say_ready()
    try:
        with suppress(asyncio.CancelledError):
            await playing
    finally:
        await process.stop()
