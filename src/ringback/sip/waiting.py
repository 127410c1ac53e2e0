"""Waiting for the responses to a request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from ringback.sip.message import Response

if TYPE_CHECKING:
    from ringback.sip.exchange import ClientTransaction


async def final_of(client: ClientTransaction, timeout: float | None) -> Response:
    """See `ClientTransaction.final`."""
    async with asyncio.timeout(timeout):
        while (response := client.response) is None:
            await client.changed()
    return response


async def responses_of(client: ClientTransaction) -> AsyncIterator[Response]:
    """The responses one by one, the final one at the end."""
    while True:
        while (response := client.next_unread()) is not None:
            yield response
            if not response.is_provisional:
                return
        await client.changed()
