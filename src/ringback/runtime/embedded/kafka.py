"""A broker that speaks the Kafka protocol, as a child process; it keeps its log in memory."""

import asyncio
import signal
import struct
from pathlib import Path

from ringback.runtime.embedded.binaries import kafka_broker
from ringback.runtime.embedded.errors import EmbeddedError
from ringback.runtime.embedded.server import EmbeddedServer, choose_port

API_VERSIONS = 18


class EmbeddedKafka(EmbeddedServer):
    """A Tansu broker with memory storage: topics are made when first used and are gone after a restart.

    What must survive is kept by the sender's outbox until the broker has taken it. `port` 0 takes a free
    one, kept for the life of this object.
    """

    name = "Kafka"
    stop_steps = ((signal.SIGTERM, 2.0),)
    parent_death_signal = signal.SIGKILL

    def __init__(
        self,
        folder: Path | str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ready_timeout: float = 30.0,
    ) -> None:
        super().__init__(folder, ready_timeout=ready_timeout)
        self.host = host
        self.port = port

    @property
    def bootstrap(self) -> str:
        """`HOST:PORT` for a Kafka client; known after the first start."""
        return f"{self.host}:{self.port}"

    async def _prepare(self) -> list[str]:
        program = kafka_broker()
        self.port = choose_port(self.host, self.port)
        address = f"tcp://{self.bootstrap}"
        return [
            str(program),
            *("--cluster-id", "ringback"),
            *("--listener-url", address),
            *("--advertised-listener-url", address),
            *("--storage-engine", "memory://tansu/"),
        ]

    def _environment(self) -> dict[str, str]:
        return super()._environment() | {"RUST_LOG": "warn"}

    async def _probe(self) -> None:
        """Get an ApiVersions request (version 0) answered without an error code."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            request = struct.pack(">hhih", API_VERSIONS, 0, 1, -1)
            writer.write(struct.pack(">i", len(request)) + request)
            _, correlation, error = struct.unpack(">iih", await reader.readexactly(10))
        finally:
            writer.close()
        if correlation != 1 or error != 0:
            raise EmbeddedError(f"the broker on {self.bootstrap} answers with error {error}")
