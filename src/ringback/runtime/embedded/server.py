"""What the three embedded servers have in common: life cycle, readiness, log."""

import asyncio
import errno
import os
import re
import signal
import socket
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, ClassVar, Self

from ringback.runtime.embedded.errors import EmbeddedError
from ringback.runtime.embedded.lock import FolderLock

LAUNCHER = Path(__file__).with_name("launch.py")
LOG_LIMIT_BYTES = 8 * 1024 * 1024
_LAST_WORDS = 20
_REASON = re.compile(r"error|fatal|panic|denied|no space|could not|cannot|can't", re.IGNORECASE)


class EmbeddedServer(ABC):
    """A server process in a folder of its own; `start` again after `stop` or `kill` keeps all data.

    `folder` is made when missing. `ready_timeout` is in seconds.
    """

    name: ClassVar[str]
    stop_steps: ClassVar[Sequence[tuple[signal.Signals, float]]]
    """Signals that ask for a clean end, each with the seconds it is given; kill -9 comes after them."""
    parent_death_signal: ClassVar[signal.Signals] = signal.SIGTERM
    lock_wait = 5.0
    """Seconds that a start waits for an earlier server in the same folder to be gone."""

    def __init__(self, folder: Path | str, *, ready_timeout: float = 30.0) -> None:
        self.folder = Path(folder).absolute()
        self.ready_timeout = ready_timeout
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    @property
    def running(self) -> bool:
        """Whether the process lives (it may still be busy starting)."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """Process number of the running server. Raises `EmbeddedError` when it does not run."""
        if self._process is None or self._process.returncode is not None:
            raise EmbeddedError(f"{self.name} does not run: call start() first.")
        return self._process.pid

    @property
    def log_path(self) -> Path:
        """Where the server writes its log."""
        return self.folder / "server.log"

    async def start(self) -> None:
        """Start and wait until a real command has been answered; no effect when it runs already.

        Raises `EmbeddedError` when the program is missing, the folder is in use, or it does not get ready.
        """
        async with self._turn:
            if self.running:
                return
            self._make_folder()
            lock = await FolderLock.take(self.folder, self.lock_wait)
            try:
                command = await self._prepare()
                self._process = await self._spawn(command, lock.fd)
            finally:
                lock.close()
            try:
                await self._await_ready(self._process)
            except BaseException:
                await self._end(self._process, self.stop_steps)
                raise

    async def stop(self) -> None:
        """End cleanly (nothing is lost); no effect when it does not run."""
        async with self._turn:
            if self._process is not None:
                await self._end(self._process, self.stop_steps)

    async def kill(self) -> None:
        """End as kill -9 does: no clean-up, no last write."""
        async with self._turn:
            if self._process is not None:
                await self._end(self._process, ())

    async def restart(self) -> None:
        """Stop and start on the same address."""
        await self.stop()
        await self.start()

    async def wait(self) -> int:
        """Wait for the process to end, for whatever reason; its exit code (negative: by that signal)."""
        if self._process is None:
            raise EmbeddedError(f"{self.name} was never started: call start() first.")
        return await self._process.wait()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @abstractmethod
    async def _prepare(self) -> list[str]:
        """Make the data ready (the lock is held) and give the command line."""

    @abstractmethod
    async def _probe(self) -> None:
        """Get one real command answered; any `OSError` or `EmbeddedError` means not yet."""

    def _identity(self) -> str:
        """The launcher's IDENTITY argument."""
        return "self"

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise EmbeddedError(
                f"cannot make the data folder {self.folder} ({error.strerror}): choose another with --data."
            ) from None
        if not os.access(self.folder, os.R_OK | os.W_OK | os.X_OK):
            raise EmbeddedError(f"{self.folder} belongs to another user: choose another folder with --data.")

    def _launcher(self, identity: str) -> list[str]:
        death = str(int(self.parent_death_signal))
        return [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), death, identity]

    async def _spawn(self, command: list[str], lock_fd: int) -> asyncio.subprocess.Process:
        with self._open_log() as log:
            return await asyncio.create_subprocess_exec(
                *self._launcher(self._identity()),
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=self._environment(),
                pass_fds=(lock_fd,),
                # Ctrl-C in the terminal reaches the whole foreground group; the servers must end last.
                start_new_session=True,
            )

    def _environment(self) -> dict[str, str]:
        kept = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT")
        return {"LC_ALL": "C", "TZ": "UTC"} | {key: os.environ[key] for key in kept if key in os.environ}

    def _open_log(self) -> BinaryIO:
        if self.log_path.exists() and self.log_path.stat().st_size > LOG_LIMIT_BYTES:
            self.log_path.replace(self.log_path.with_suffix(".log.1"))
        return open(os.open(self.log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb")

    async def _await_ready(self, process: asyncio.subprocess.Process) -> None:
        deadline = time.monotonic() + self.ready_timeout
        pause = 0.005
        while process.returncode is None:
            try:
                async with asyncio.timeout(5):
                    return await self._probe()
            except (OSError, EmbeddedError, EOFError, TimeoutError):
                if time.monotonic() >= deadline:
                    raise self._failure(f"did not answer within {self.ready_timeout:g} s") from None
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.1)
        raise self._failure(f"ended at once with code {process.returncode}")

    def _failure(self, what: str) -> EmbeddedError:
        why = telling_line(self.log_path.read_text(errors="replace"))
        return EmbeddedError(f"{self.name} {what}{f' ({why})' if why else ''}: read {self.log_path}.")

    async def _end(
        self, process: asyncio.subprocess.Process, steps: Sequence[tuple[signal.Signals, float]]
    ) -> None:
        for sign, seconds in steps:
            if process.returncode is not None:
                break
            process.send_signal(sign)
            try:
                await asyncio.wait_for(process.wait(), seconds)
            except TimeoutError:
                continue
        if process.returncode is None:
            process.kill()
        await process.wait()


def telling_line(log: str) -> str:
    """The line that says why a program has ended: of its last words the last that sounds like a reason.

    Programs tidy up and say so after it, as initdb does on a disk that is full.
    """
    last = [line.strip() for line in log.strip().splitlines()[-_LAST_WORDS:]]
    reasons = [line for line in last if _REASON.search(line)]
    return (reasons or last or [""])[-1][-200:]


def choose_port(host: str, port: int) -> int:
    """`port` when it is free on `host`, or any free TCP port when it is 0.

    Raises `EmbeddedError` when somebody listens on it or the machine has no such address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError as error:
            reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
            raise EmbeddedError(
                f"{host}:{port} {reason}: stop the other program, or choose another address with --host."
            ) from None
        chosen: int = sock.getsockname()[1]
        return chosen
