"""Valkey as a child process: append-only file, a random password, loopback."""

import asyncio
import os
import secrets
import signal
from pathlib import Path

from ringback.runtime.embedded.binaries import valkey_server
from ringback.runtime.embedded.errors import EmbeddedError
from ringback.runtime.embedded.server import EmbeddedServer, choose_port


class EmbeddedValkey(EmbeddedServer):
    """A Valkey server with `appendonly yes` and an fsync every second.

    A write that was answered survives kill -9 of the server, and all but the last second a loss of power.
    `port` 0 takes a free one, kept for the life of this object. `durable` False writes nothing to disk.
    """

    name = "Valkey"
    stop_steps = ((signal.SIGTERM, 10.0),)

    def __init__(
        self,
        folder: Path | str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        durable: bool = True,
        ready_timeout: float = 60.0,
    ) -> None:
        super().__init__(folder, ready_timeout=ready_timeout)
        self.host = host
        self.port = port
        self.durable = durable
        self._password = ""

    @property
    def url(self) -> str:
        """`redis://:PASSWORD@HOST:PORT/0`; known after the first start."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"redis://:{self._password}@{host}:{self.port}/0"

    async def _prepare(self) -> list[str]:
        program = valkey_server()
        self.port = choose_port(self.host, self.port)
        self._password = self._load_password()
        config = self.folder / "valkey.conf"
        _write_private(config, "\n".join(self._settings()) + "\n")
        return [str(program), str(config)]

    def _settings(self) -> list[str]:
        return [
            f"bind {self.host}",
            f"port {self.port}",
            f"requirepass {self._password}",
            f'dir "{self.folder}"',
            f"appendonly {'yes' if self.durable else 'no'}",
            "appendfsync everysec",
            'save ""',
            "daemonize no",
            "maxmemory-policy noeviction",
            "tcp-keepalive 60",
            "loglevel notice",
        ]

    def _environment(self) -> dict[str, str]:
        """Scripts and streams allocate much that lives shortly: glibc's caches hold seven of a size else."""
        return super()._environment() | {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=65535"}

    def _load_password(self) -> str:
        path = self.folder / "password"
        if not path.exists():
            _write_private(path, secrets.token_urlsafe(32))
        return path.read_text().strip()

    async def command(self, *words: str) -> str:
        """Send one command without arguments that hold spaces; the first line of its answer.

        For readiness and house-keeping; clients of the platform use a real client.
        Raises `EmbeddedError` when the answer is an error, `OSError` when there is none.
        """
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            writer.write(f"AUTH {self._password}\r\n{' '.join(words)}\r\n".encode())
            answers = [await reader.readline(), await reader.readline()]
        finally:
            writer.close()
        if answers[0] != b"+OK\r\n" or answers[1][:1] in (b"-", b""):
            raise EmbeddedError(f"Valkey on {self.host}:{self.port} refuses {words[0]}: {answers}")
        return answers[1][1:].decode().strip()

    async def _probe(self) -> None:
        await self.command("PING")


def _write_private(path: Path, text: str) -> None:
    """Replace a file in one step; only its owner may read it."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.replace(path)
