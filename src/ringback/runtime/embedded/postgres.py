"""PostgreSQL as a child process, on a Unix socket that only the owner of a folder can reach."""

import asyncio
import hashlib
import os
import shutil
import signal
import stat
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote, urlencode

from ringback.runtime.embedded import identity as identities
from ringback.runtime.embedded.binaries import postgres_folder
from ringback.runtime.embedded.errors import EmbeddedError
from ringback.runtime.embedded.identity import Identity
from ringback.runtime.embedded.server import EmbeddedServer

DATABASE = "ringback"
PORT = 5432
SOCKET_PATH_LIMIT = 100
"""Bytes; the kernel's own limit is 108 on Linux and 104 on macOS."""


class EmbeddedPostgres(EmbeddedServer):
    """A PostgreSQL server without a TCP port: `trust` on a Unix socket in a folder of mode 0700.

    Whoever may enter that folder is the database's owner: root and the user who started it (and, when root
    started it in a folder open to all, other processes of `nobody`). Root runs it as `nobody`, with the
    right to pass file permissions where `nobody` cannot reach the folder or the programs.
    `durable` False gives up safety against a loss of power for speed (tests).
    """

    name = "PostgreSQL"
    stop_steps = ((signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0))
    parent_death_signal = signal.SIGINT

    def __init__(self, folder: Path | str, *, durable: bool = True, ready_timeout: float = 120.0) -> None:
        super().__init__(folder, ready_timeout=ready_timeout)
        self.durable = durable
        self._as = identities.own()

    @property
    def data(self) -> Path:
        """The cluster's data folder."""
        return self.folder / "data"

    @property
    def sockets(self) -> Path:
        """The folder of the Unix socket: beside the data, or elsewhere when no client could use that path."""
        near = self.folder / "run"
        # A comma separates hosts in an address.
        if len(os.fsencode(near / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_LIMIT and "," not in str(near):
            return near
        digest = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        return Path(tempfile.gettempdir(), f"ringback-{digest}")

    @property
    def dsn(self) -> str:
        """`postgresql://` address of the platform's database, for asyncpg and psql."""
        return self.dsn_of(DATABASE)

    def dsn_of(self, database: str) -> str:
        """`postgresql://` address of another database of this server."""
        query = urlencode({"host": str(self.sockets), "port": PORT, "user": DATABASE})
        return f"postgresql:///{quote(database)}?{query}"

    async def start(self) -> None:
        """As `EmbeddedServer.start`; the first start also makes the cluster and the database."""
        await super().start()
        await self._make_database()

    def _identity(self) -> str:
        return self._as.argument

    async def _prepare(self) -> list[str]:
        programs = postgres_folder()
        self._as = self._choose_identity(programs)
        if not (self.data / "PG_VERSION").exists():
            await self._initdb(programs)
        self._clear_stale_files()
        identities.give_tree(self.data, self._as)
        self._make_socket_folder()
        return [str(programs / "postgres"), "-D", str(self.data), *self._settings()]

    def _choose_identity(self, programs: Path) -> Identity:
        if os.geteuid() != 0:
            return identities.own()
        self.folder.chmod(0o711)
        nobody = identities.nobody()
        if identities.can_enter(nobody, programs) and identities.can_enter(nobody, self.folder.parent):
            return nobody
        if sys.platform != "linux":
            raise EmbeddedError(
                f"PostgreSQL does not run as root and nobody cannot enter {self.folder}: "
                "start as an ordinary user, or choose a folder that all may enter with --data."
            )
        return identities.nobody(pass_permissions=True)

    async def _initdb(self, programs: Path) -> None:
        """Make the cluster beside its place, then move it: an interrupted start leaves no half cluster."""
        new = self.folder / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(self.data, ignore_errors=True)
        new.mkdir(mode=0o700)
        os.chown(new, self._as.uid, self._as.gid)
        command = [str(programs / "initdb"), "-D", str(new), "-U", DATABASE, "--encoding=UTF8", "--locale=C"]
        command += ["--auth-local=trust", "--auth-host=reject", *([] if self.durable else ["--no-sync"])]
        if await self._run(command) != 0:
            raise self._failure("could not make its data folder")
        new.rename(self.data)

    async def _run(self, command: list[str]) -> int:
        with self._open_log() as log:
            process = await asyncio.create_subprocess_exec(
                *self._launcher(self._identity()),
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=self._environment(),
                start_new_session=True,
            )
            return await process.wait()

    def _clear_stale_files(self) -> None:
        """Remove what a killed server left; the lock says that none of its processes lives."""
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
            (self.sockets / name).unlink(missing_ok=True)

    def _make_socket_folder(self) -> None:
        folder = self.sockets
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (os.geteuid(), self._as.uid):
            raise EmbeddedError(f"{folder} belongs to another user: remove it.")
        folder.chmod(0o700)
        if status.st_uid != self._as.uid:
            os.chown(folder, self._as.uid, self._as.gid)

    def _settings(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": _quoted(self.sockets),
            "unix_socket_permissions": "0700",
            "max_connections": "300",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "logging_collector": "off",
            "log_destination": "stderr",
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        return [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]

    async def _probe(self) -> None:
        await self.execute("SELECT 1")

    async def _make_database(self) -> None:
        found = await self.execute("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE)
        if found is None:
            await self.execute(f"CREATE DATABASE {DATABASE}")

    async def execute(self, sql: str, *arguments: str) -> object:
        """Run one statement in the database `postgres`; the first value of its result.

        For readiness and house-keeping. Raises `EmbeddedError` when the server refuses the connection.
        """
        import asyncpg  # kept out of the module's import: the command line must be quick

        try:
            connection = await asyncpg.connect(self.dsn_of("postgres"), timeout=5)
        except asyncpg.exceptions.PostgresError as error:
            raise EmbeddedError(f"PostgreSQL says: {error}") from None
        try:
            return await connection.fetchval(sql, *arguments)
        finally:
            await connection.close()


def _quoted(path: Path) -> str:
    """A path as an item of a PostgreSQL list setting."""
    return '"' + str(path).replace('"', '""') + '"'
