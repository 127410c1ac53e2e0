"""An HTTP load that costs little itself: requests made beforehand, connections that stay open, no parsing but
of status and length. A client library would use more of a core than the server that is measured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast


@dataclass
class Answers:
    """What came back: seconds to each answer, and how many were not 200."""

    taken: list[float] = field(default_factory=list)
    refused: int = 0
    seconds: float = 0.0

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return len(self.taken) / self.seconds

    def ms(self, part: float) -> float:
        """The time in which this part of the requests was answered, milliseconds."""
        return sorted(self.taken)[min(len(self.taken) - 1, int(len(self.taken) * part))] * 1000


class _Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self) -> None:
        self._seen = bytearray()
        self._answer: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._seen += data
        head = self._seen.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self._seen.find(b"Content-Length: ", 0, head) + len(b"Content-Length: ")
        length = int(self._seen[at : self._seen.find(b"\r\n", at)])
        if len(self._seen) >= head + 4 + length and self._answer is not None:
            status = int(self._seen[9:12])
            self._seen.clear()
            self._answer.set_result(status)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError("the server closed the connection"))

    async def ask(self, request: bytes) -> int:
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._answer


class HttpLoad:
    """`connections` to one address."""

    def __init__(self, address: tuple[str, int], connections: int) -> None:
        self._address = address
        self._count = connections
        self._free: asyncio.Queue[_Connection] = asyncio.Queue()

    async def __aenter__(self) -> HttpLoad:
        for _ in range(self._count):
            _, protocol = await asyncio.get_running_loop().create_connection(_Connection, *self._address)
            self._free.put_nowait(protocol)
        return self

    async def __aexit__(self, *_: object) -> None:
        while not self._free.empty():
            self._free.get_nowait().transport.close()

    async def at_once(self, requests: Sequence[bytes]) -> Answers:
        """As fast as they are answered, one at a time on each connection."""
        answers, left = Answers(), iter(requests)

        async def work(connection: _Connection) -> None:
            for request in left:
                await self._one(connection, request, time.perf_counter(), answers)
            self._free.put_nowait(connection)

        began = time.perf_counter()
        await asyncio.gather(*(work(self._free.get_nowait()) for _ in range(self._count)))
        answers.seconds = time.perf_counter() - began
        return answers

    async def at_rate(self, requests: Sequence[bytes], rate: float) -> Answers:
        """`rate` a second whatever the answers do; what waits for a free connection is part of the time."""
        answers, tasks = Answers(), []
        began = time.perf_counter()
        for number, request in enumerate(requests):
            due = began + number / rate
            if (pause := due - time.perf_counter()) > 0:
                await asyncio.sleep(pause)
            tasks.append(asyncio.create_task(self._when_free(request, due, answers)))
        await asyncio.gather(*tasks)
        answers.seconds = time.perf_counter() - began
        return answers

    async def _when_free(self, request: bytes, due: float, answers: Answers) -> None:
        connection = await self._free.get()
        await self._one(connection, request, due, answers)
        self._free.put_nowait(connection)

    async def _one(self, connection: _Connection, request: bytes, since: float, answers: Answers) -> None:
        status = await connection.ask(request)
        answers.taken.append(time.perf_counter() - since)
        answers.refused += status != 200


def post(path: str, host: str, headers: dict[str, str], body: bytes) -> bytes:
    """A POST with a JSON body, as it goes on the wire."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def get(path: str, host: str, headers: dict[str, str]) -> bytes:
    """A GET, as it goes on the wire."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode()
