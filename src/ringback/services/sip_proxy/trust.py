"""Who may send on the inner face: from there calls go to trunks, and that costs money. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Set
from functools import lru_cache

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks_of(texts: Iterable[str]) -> list[Network]:
    """Networks or single addresses. Raises ValueError that names the one that is neither."""
    return [ipaddress.ip_network(text, strict=False) for text in texts]


@lru_cache(maxsize=4096)
def _is_loopback(host: str) -> bool:
    return ipaddress.ip_address(host).is_loopback


def trusted(host: str, nodes: Set[str], networks: list[Network]) -> bool:
    """True for this machine, for the host of a node in the directory, and for a configured network.

    The inner face speaks TCP only, so that a source address cannot be made up.
    """
    return host in nodes or _is_loopback(host) or within(host, networks)


def within(host: str, networks: list[Network]) -> bool:
    """True if an address is in one of the networks."""
    return any(ipaddress.ip_address(host) in network for network in networks)
