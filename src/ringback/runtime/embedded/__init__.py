"""Valkey, PostgreSQL and a Kafka-protocol broker that come as wheels and run as our children.

Each keeps its data in one folder, is ready when it has answered a real command, and ends when its
parent ends. A folder serves one server at a time. Passwords never leave the folder: Valkey has a
random one in a file of mode 0600, PostgreSQL listens on a Unix socket only, in a folder of mode 0700.
"""

from ringback.runtime.embedded.errors import EmbeddedError
from ringback.runtime.embedded.kafka import EmbeddedKafka
from ringback.runtime.embedded.postgres import EmbeddedPostgres
from ringback.runtime.embedded.server import EmbeddedServer
from ringback.runtime.embedded.valkey import EmbeddedValkey

__all__ = ["EmbeddedError", "EmbeddedKafka", "EmbeddedPostgres", "EmbeddedServer", "EmbeddedValkey"]
