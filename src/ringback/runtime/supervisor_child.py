"""One child process of the supervisor: a program that says when it is ready."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from ringback.runtime.embedded.server import LAUNCHER

READY_VARIABLE = "RINGBACK_READY_FD"
LOG_LIMIT_BYTES = 32 * 1024 * 1024


class SupervisorError(Exception):
    """The platform could not be brought up; the message is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """How to start a child. It writes one byte to the descriptor named by RINGBACK_READY_FD when ready."""

    name: str
    command: tuple[str, ...]
    log: Path
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    ready_timeout: float = 60.0
    """Seconds."""


class Child:
    """A running (or to be started again) child; it is killed when this process ends (Linux)."""

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self._process: asyncio.subprocess.Process | None = None
        self._ready: asyncio.Future[bool] | None = None

    @property
    def name(self) -> str:
        """What people call it."""
        return self.spec.name

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        """Process number of the last process started."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start the process; `wait_ready` tells when it works."""
        reading, writing = os.pipe()
        try:
            with _open_log(self.spec.log) as log:
                self._process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-I", "-S", str(LAUNCHER)),
                    *(str(os.getpid()), str(int(signal.SIGKILL)), "self"),
                    *self.spec.command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={**self.spec.env, READY_VARIABLE: str(writing)},
                    pass_fds=(writing,),
                    # Ctrl-C in the terminal is for us alone: we drain the children in order.
                    start_new_session=True,
                )
        finally:
            os.close(writing)
        self._ready = _first_byte(reading)

    async def wait_ready(self) -> None:
        """Wait for the child to be ready.

        Raises `SupervisorError` when it ends before that or takes longer than its `ready_timeout`.
        """
        assert self._ready is not None
        try:
            ready = await asyncio.wait_for(asyncio.shield(self._ready), self.spec.ready_timeout)
        except TimeoutError:
            raise self._failure(f"was not ready within {self.spec.ready_timeout:g} s") from None
        if not ready:
            raise self._failure(f"ended at once ({ending(await self.wait())})")

    async def wait(self) -> int:
        """Wait for the end of the process; its exit code (negative: by that signal)."""
        assert self._process is not None
        return await self._process.wait()

    def terminate(self) -> None:
        """Ask it to drain and end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    def _failure(self, what: str) -> SupervisorError:
        said = last_line(self.spec.log)
        return SupervisorError(f"{self.name} {what}{f': {said}' if said else ''} (log: {self.spec.log})")


def ending(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def last_line(log: Path, limit: int = 300) -> str:
    """The last line of a log that says something, shortened to `limit` characters."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 8192))
        lines = file.read().decode(errors="replace").splitlines()
    return next((line.strip()[:limit] for line in reversed(lines) if line.strip()), "")


def _open_log(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb")


def _first_byte(descriptor: int) -> asyncio.Future[bool]:
    """A future that says whether a byte came before the other side was closed."""
    loop = asyncio.get_running_loop()
    came: asyncio.Future[bool] = loop.create_future()

    def read() -> None:
        data = os.read(descriptor, 1)
        loop.remove_reader(descriptor)
        os.close(descriptor)
        if not came.done():
            came.set_result(bool(data))

    loop.add_reader(descriptor, read)
    return came
