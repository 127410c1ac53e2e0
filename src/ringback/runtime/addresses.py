"""Who binds, connects to and announces which address: environment, then TOML file, then `RINGBACK_HOST`.

`HOST` of a service says where it is; `BIND` is where its own process listens, where that is another address
(a container's), and `ANNOUNCE` what it tells the others.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from typing import Any

from ringback import topology
from ringback.runtime.settings import CommonSettings, SettingsError, read_toml

_LOOPBACK = {4: "127.0.0.1", 6: "::1"}
# Nothing is sent there: the kernel is only asked from where it would.
_OUTSIDE = {4: "192.0.2.1", 6: "2001:db8::1"}


class Addresses:
    """The addresses of all services, as one process sees them."""

    def __init__(self, common: CommonSettings, env: Mapping[str, str]) -> None:
        self._common = common
        self._env = env
        self._toml: dict[str, Any] = read_toml(env)

    def look_up(self, service: str, field: str) -> tuple[str, str]:
        """A setting of a service and where it comes from; twice nothing if it is not set."""
        name = variable(service, field)
        if name in self._env:
            return self._env[name], f"environment {name}"
        table = self._toml.get(service, {})
        return (str(table[field]), "configuration file") if field in table else ("", "")

    def port(self, service: str, listener: str) -> int:
        """The port of a listener. Raises SettingsError."""
        entry = topology.listener(service, listener)
        field = port_field(entry)
        raw = self.look_up(service, field)[0] or str(entry.port)
        if not raw.isdigit() or int(raw) > 65535:
            raise SettingsError(f"{variable(service, field)}: {raw!r} is not a port")
        return int(raw)

    def bind(self, service: str) -> str:
        """The address on which this process listens for a service."""
        own = self.look_up(service, "bind")[0] or self._common.bind
        return own or self.look_up(service, "host")[0] or self._common.host

    def connect(self, service: str) -> str:
        """The address at which a service is; for "every address" the machine's own."""
        host = self.look_up(service, "host")[0] or self._common.host
        return _LOOPBACK[_family(host)] if is_every(host) else host

    def announce(self, service: str) -> str:
        """The address that this process tells others. Raises SettingsError where there is none to tell.

        Who listens on every address tells the host of the service, unless only this machine reaches that.
        """
        told = self.look_up(service, "announce")[0] or self._common.announce
        bound = self.bind(service)
        if told or not is_every(bound):
            return told or bound
        host = self.look_up(service, "host")[0] or self._common.host
        return (
            host
            if not is_every(host) and not is_loopback(host)
            else _real(bound, variable(service, "announce"))
        )


def variable(service: str, field: str) -> str:
    """The name in the environment."""
    return f"RINGBACK_{service.upper()}_{field.upper()}"


def port_field(entry: topology.Listener) -> str:
    """The name of the setting for the port of a listener."""
    return "port" if entry.name == "http" else f"{entry.name}_port"


def is_every(host: str) -> bool:
    """True for an address that stands for all of a machine: it can be bound, not told."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """True for an address that only this machine reaches."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def bracketed(host: str) -> str:
    """A host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def _family(host: str) -> int:
    return 6 if ":" in host else 4


def _real(host: str, name: str) -> str:
    """The address from which this machine talks to others."""
    family = _family(host)
    with socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((_OUTSIDE[family], 9))
        except OSError as error:
            raise SettingsError(
                f"{name}: {host} cannot be told to others; set an address that they reach"
            ) from error
        return str(probe.getsockname()[0])
