"""CSV that programs read (RFC 4180) and spreadsheets do not execute."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from aiohttp import web

from ringback.runtime.http import HttpRequest

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
_QUOTED = frozenset('",\r\n')


def line(cells: Sequence[object]) -> bytes:
    """One line with its CRLF. What a spreadsheet would take for a formula begins with an apostrophe."""
    return (",".join(map(cell, cells)) + "\r\n").encode()


def cell(value: object) -> str:
    """One cell, quoted where it has to be; None is empty."""
    if isinstance(value, int | float):
        return str(value)
    text = "" if value is None else str(value)
    if text.startswith(_FORMULA):
        text = "'" + text
    return '"' + text.replace('"', '""') + '"' if _QUOTED & set(text) else text


async def stream(request: HttpRequest, name: str, lines: AsyncIterator[bytes]) -> web.StreamResponse:
    """Send lines as they come, as a file of this name."""
    headers = {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
    }
    response = web.StreamResponse(headers=headers)
    await response.prepare(request.raw)
    async for each in lines:
        await response.write(each)
    await response.write_eof()
    return response
