"""Valkey (or Redis 6.2+) over one auto-pipelining connection.

All commands of one turn of the event loop leave in one write; replies are matched in order. Blocking reads
have a connection of their own (`dedicated`). One that is lost fails its commands in flight with
`ValkeyUnavailable` (their effect is unknown: repeat only what is idempotent) and is opened again.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from ringback.runtime.clock import until_set
from ringback.runtime.valkey_replies import ValkeyError as ValkeyError
from ringback.runtime.valkey_replies import ValkeyUnavailable as ValkeyUnavailable
from ringback.runtime.valkey_wire import Argument as Argument
from ringback.runtime.valkey_wire import Wire

CountHook = Callable[[str, int], None]

_RECONNECT_FIRST_S = 0.05
_RECONNECT_LAST_S = 1.0
_WAIT_FOR_CONNECTION_S = 0.5


class Script:
    """A Lua script, sent whole once and by its hash afterwards."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()


class Commands(Protocol):
    """What `Valkey` and its counting views have in common."""

    def call(self, *command: Argument) -> Awaitable[Any]: ...

    def ask(self, then: Callable[[Any], None], *command: Argument) -> None: ...

    async def script(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Any: ...


class Valkey:
    """The connection of one process; see the module's text."""

    def __init__(self, url: str, *, name: str = "ringback", blocking: bool = False) -> None:
        self._url = url
        self._name = name
        self._blocking = blocking
        self._wire: Wire | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._lost = asyncio.Event()
        self._up = asyncio.Event()
        self._children: list[Valkey] = []
        self._count: CountHook | None = None

    @property
    def connected(self) -> bool:
        """Whether the server can be reached as far as this process knows."""
        return self._wire is not None and self._wire.connected

    async def start(self, timeout: float = 10.0) -> None:
        """Connect; ValkeyUnavailable when the server cannot be reached within `timeout` seconds."""
        self._keeper = asyncio.create_task(self._keep(), name=f"valkey-{self._name}")
        await until_set(self._up, timeout)
        if not self._up.is_set():
            await self.stop()
            raise ValkeyUnavailable(f"no Valkey at {_address(self._url)[:2]}")

    async def stop(self) -> None:
        """Close this connection and the dedicated ones taken from it."""
        for child in self._children:
            await child.stop()
        # Python 3.11's wait_for drops a cancellation that meets the end of what it waits for: ask again.
        while self._keeper is not None and not self._keeper.done():
            self._keeper.cancel()
            await asyncio.wait({self._keeper}, timeout=0.1)
        if self._wire is not None:
            self._wire.abort()

    def call(self, *command: Argument) -> Awaitable[Any]:
        """Send one command, now when there is a connection, and return its reply (bulk strings as bytes)."""
        wire = self._wire
        if wire is not None and wire.connected:
            return wire.send(command)
        return self._call_later(command)

    async def _call_later(self, command: tuple[Argument, ...]) -> Any:
        return await (await self._wait_for_wire()).send(command)

    def ask(self, then: Callable[[Any], None], *command: Argument) -> None:
        """Send one command, now, and call `then` with its reply, or with the ValkeyError or ValkeyUnavailable
        that there is instead.

        For paths where a future and its turn of the loop would cost more than the command. Raises
        ValkeyUnavailable at once when there is no connection.
        """
        if self._wire is None:
            raise ValkeyUnavailable("not connected to Valkey")
        self._wire.ask(command, then)

    def post(self, commands: Sequence[tuple[Argument, ...]]) -> asyncio.Future[list[Any]]:
        """Send commands in order, now, as one transaction, and return the future of their replies.

        For paths where a coroutine for each command would cost more than the command. Who waits for a stream
        meets all entries of one transaction together. The future raises the first ValkeyError; a command
        that fails when it is carried out leaves the others as they are, one that Valkey does not know or has
        no memory for keeps all from being carried out. Raises ValkeyUnavailable at once when there is no
        connection.
        """
        if self._wire is None:
            raise ValkeyUnavailable("not connected to Valkey")
        return self._wire.send_all(commands)

    def tell(self, *command: Argument) -> None:
        """Send one command that is not answered: whether it was carried out stays unknown.

        For what comes again when it is lost, as the acknowledgement of an entry: an answer would wake this
        process for nothing. Raises ValkeyUnavailable when there is no connection.
        """
        if self._wire is None:
            raise ValkeyUnavailable("not connected to Valkey")
        self._wire.tell(command)

    async def script(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        """Run a Lua script atomically and return its result."""
        tail = (len(keys), *keys, *args)
        try:
            return await self.call("EVALSHA", script.sha, *tail)
        except ValkeyError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
        return await self.call("EVAL", script.source, *tail)

    def using(self, connection: str) -> Commands:
        """Return a view that counts each command for one row of the connections' table."""
        return _Counted(self, connection, self._count)

    def count_with(self, hook: CountHook) -> None:
        """Let `hook(connection, n)` count commands sent through `using`."""
        self._count = hook

    async def dedicated(self, name: str) -> Valkey:
        """Return a connection for blocking commands; it is closed with this one."""
        child = Valkey(self._url, name=name, blocking=True)
        self._children.append(child)
        await child.start()
        return child

    async def release(self, child: Valkey) -> None:
        """Close a dedicated connection."""
        if child in self._children:
            self._children.remove(child)
        await child.stop()

    async def _wait_for_wire(self) -> Wire:
        try:
            async with asyncio.timeout(_WAIT_FOR_CONNECTION_S):
                await self._up.wait()
        except TimeoutError:
            raise ValkeyUnavailable("not connected to Valkey") from None
        if self._wire is None:
            raise ValkeyUnavailable("not connected to Valkey")
        return self._wire

    async def _keep(self) -> None:
        delay = _RECONNECT_FIRST_S
        while True:
            try:
                await self._connect()
                delay = _RECONNECT_FIRST_S
                await self._watch()
            except (OSError, ValkeyError, ValkeyUnavailable, TimeoutError):
                pass
            self._up.clear()
            await asyncio.sleep(delay)
            delay = min(delay * 2, _RECONNECT_LAST_S)

    async def _connect(self) -> None:
        host, port, user, password, database, tls = _address(self._url)
        loop = asyncio.get_running_loop()
        self._lost.clear()
        context = ssl.create_default_context() if tls else None
        async with asyncio.timeout(3.0):
            _, wire = await loop.create_connection(partial(Wire, self._lost.set), host, port, ssl=context)
        try:
            async with asyncio.timeout(3.0):
                await self._greet(wire, user, password, database)
        except BaseException:
            wire.abort()
            raise
        self._wire = wire
        self._up.set()

    async def _greet(self, wire: Wire, user: str, password: str, database: int) -> None:
        if password:
            await wire.send(("AUTH", user, password) if user else ("AUTH", password))
        if database:
            await wire.send(("SELECT", database))
        await wire.send(("CLIENT", "SETNAME", self._name.replace(" ", "_")))
        await wire.send(("PING",))  # refused while the server still loads its data

    async def _watch(self) -> None:
        """Return when the connection is lost; drop it when the oldest command has had no reply."""
        if self._blocking:
            await self._lost.wait()
        while not self._lost.is_set():
            await until_set(self._lost, 1.0)
            wire = self._wire
            if wire and wire.stalled(asyncio.get_running_loop().time()):
                wire.abort()


class _Counted:
    """A view of `Valkey` that counts its commands."""

    def __init__(self, valkey: Valkey, connection: str, hook: CountHook | None) -> None:
        self._valkey = valkey
        self._connection = connection
        self._hook = hook

    def call(self, *command: Argument) -> Awaitable[Any]:
        if self._hook:
            self._hook(self._connection, 1)
        return self._valkey.call(*command)

    def ask(self, then: Callable[[Any], None], *command: Argument) -> None:
        if self._hook:
            self._hook(self._connection, 1)
        self._valkey.ask(then, *command)

    async def script(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        if self._hook:
            self._hook(self._connection, 1)
        return await self._valkey.script(script, keys, args)


def _address(url: str) -> tuple[str, int, str, str, int, bool]:
    """Split a redis:// URL into host, port, user, password, database and TLS."""
    parts = urlsplit(url)
    database = parts.path.strip("/")
    return (
        parts.hostname or "127.0.0.1",
        parts.port or 6379,
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        int(database) if database.isdigit() else 0,
        parts.scheme in ("rediss", "valkeys"),
    )
