"""Asks cluster nodes by OPTIONS whether they answer (RFC 3261 11): a lease says that they did a while ago.

A node that hangs with its connections open would keep each new call for as long as its lease holds. One that
does not answer soon enough gets no new call as long as others do; its own calls stay with it, for it may only
be slow.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ringback.services.sip_proxy.asking import ask
from ringback.sip.transport import Destination

if TYPE_CHECKING:
    from ringback.contracts.telephony import ClusterNode
    from ringback.services.sip_proxy.core import ProxyCore

_AGAIN_S = 0.5
"""Soon after a silence, so that a node that is back is not passed over for long."""


class NodeWatch:
    """Asks each node of the directory every `every_s` seconds; 0: none is asked."""

    def __init__(self, core: ProxyCore, every_s: float) -> None:
        self._core = core
        self._every_s = every_s
        self._asked: set[str] = set()

    def start(self) -> None:
        """Ask from now on."""
        if self._every_s:
            self._core.ctx.spawn(self._keep(), "nodes")

    async def _keep(self) -> None:
        while True:
            for node in self._core.directory.cluster.values():
                if node.node not in self._asked:
                    self._asked.add(node.node)
                    self._core.ctx.spawn(self._follow(node), "node")
            await asyncio.sleep(self._every_s)

    async def _follow(self, node: ClusterNode) -> None:
        """Ask one node until it is no more in the directory."""
        core, silent = self._core, False
        try:
            while (known := core.directory.cluster.get(node.node)) is not None:
                answered = await self._answers(known)
                core.directory.heard(node.node, soon=answered)
                if answered == silent:
                    silent = not answered
                    core.ctx.log.info("node_answers" if answered else "node_silent", name=node.node)
                await asyncio.sleep(_AGAIN_S if silent else self._every_s)
        finally:
            self._asked.discard(node.node)
            core.directory.heard(node.node, soon=True)

    async def _answers(self, node: ClusterNode) -> bool:
        place = Destination("tcp", node.sip_host, node.sip_port)
        response = await ask(self._core.endpoints["inside"], place, self._every_s, {"transport": "tcp"})
        return not response.local
