"""Requests to the world outside: through the proxy when there is one, counted, limited, never redirected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import aiohttp

from ringback.runtime.http import HttpReply

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_MOST_BYTES = 1024 * 1024


class EgressFailed(ConnectionError):
    """There is no answer; the message names the host's failure and nothing that was sent."""


class Egress:
    """The way out. `on_dns_failure` is told when a name cannot be resolved."""

    def __init__(self, ctx: Context, proxy: str, on_dns_failure: Callable[[], None]) -> None:
        self._ctx = ctx
        self._proxy = proxy or None
        self._on_dns_failure = on_dns_failure

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float, rows: str
    ) -> HttpReply:
        """Send and return whatever is answered; EgressFailed after `timeout_s` seconds or without an answer.

        `rows` are the connections that this counts for.
        """
        return await self.send("POST", url, body, headers, timeout_s=timeout_s, rows=rows)

    async def send(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float, rows: str
    ) -> HttpReply:
        """As `post`, with any method."""
        for row in rows.split(",") if rows else ():
            self._ctx.connections.count(row, sent=1)
        try:
            async with self._ctx.http_session().request(
                method,
                url,
                data=body or None,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=timeout_s),
                proxy=self._proxy,
                allow_redirects=False,
            ) as response:
                return HttpReply(response.status, response.headers, await _read(response))
        except aiohttp.ClientConnectorDNSError as error:
            self._on_dns_failure()
            raise EgressFailed("its name cannot be resolved") from error
        except TimeoutError as error:
            raise EgressFailed(f"no answer in {timeout_s:g} s") from error
        except (aiohttp.ClientError, ValueError, OSError) as error:
            raise EgressFailed(type(error).__name__) from error


async def _read(response: aiohttp.ClientResponse) -> bytes:
    whole = bytearray()
    async for piece in response.content.iter_any():
        whole += piece
        if len(whole) > _MOST_BYTES:
            raise EgressFailed("the answer is too large")
    return bytes(whole)
