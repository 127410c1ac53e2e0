"""Gives sessions the functions of `functions.js`, and tells them what the functions answer from.

All that is told lies at the node: published tables, the calendar, figures that somebody watches. A script
never waits for any of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ringback.domain.tables import BUSINESS_HOURS, SPECIAL_DAYS
from ringback.runtime.bounded import Bounded
from ringback.scxml import Document, Interpreter
from ringback.services.orchestration import knowledge
from ringback.services.orchestration.knowledge import Uses
from ringback.services.orchestration.records import Record
from ringback.services.orchestration.statistics import Statistics
from ringback.services.orchestration.tables import Rows, Tables

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_REMEMBERED = 256
_MINUTE_S = 60.0


class Functions:
    """One for all sessions of the node."""

    def __init__(self, ctx: Context, tables: Tables, statistics: Statistics) -> None:
        self._ctx = ctx
        self._tables = tables
        self._statistics = statistics
        self._uses = Bounded[str, Uses](_REMEMBERED)
        """By the hash of an application's text."""
        self._texts = Bounded[tuple[Any, ...], tuple[tuple[Rows, ...], str]](_REMEMBERED)
        """Texts that many sessions are told, with the rows of which they were made."""

    async def given(self, record: Record, document: Document) -> dict[str, Any]:
        """Arguments of the interpreter of a session that begins here or comes here; none when it needs none.

        What is not known yet is asked for now, once; later it is refreshed beside the session.
        """
        uses = self._uses.get(record.document)
        if uses is None:
            uses = knowledge.uses_of([document.source, *document.resources.values()])
            self._uses[record.document] = uses
        if not uses.any:
            return {}
        for name in self._lists(record, uses):
            await self._tables.rows(record.tenant, name)
        if uses.figures:
            known = await self._statistics.watch(record.tenant, uses.figures)
            record.figures.update(known)
        return {"library": knowledge.LIBRARY, "knowledge": self._known(record, uses, self._ctx.now())}

    def tell(self, record: Record, interpreter: Interpreter, now: float) -> None:
        """Before an input: what has changed meanwhile."""
        uses = self._uses.get(record.document)
        if uses is not None and uses.any:
            for name, text in self._known(record, uses, now).items():
                interpreter.know(name, text)

    def _lists(self, record: Record, uses: Uses) -> tuple[str, ...]:
        lists = knowledge.lists_of(uses, record.data.get("parameters", {}))
        return (*lists, BUSINESS_HOURS, SPECIAL_DAYS) if uses.offices else lists

    def _known(self, record: Record, uses: Uses, now: float) -> dict[str, str]:
        lists = knowledge.lists_of(uses, record.data.get("parameters", {}))
        found = {"now": repr(now), "tables": self._tables_text(record.tenant, lists)}
        if uses.zones:
            found["zones"] = knowledge.zones(now)
        if uses.offices:
            found["offices"] = self._offices_text(record.tenant, now)
        record.figures.update(self._statistics.known(record.tenant, record.figures))
        found["figures"] = msgspec.json.encode(record.figures).decode()
        return found

    def _tables_text(self, tenant: str, lists: tuple[str, ...]) -> str:
        rows = tuple(self._tables.known(tenant, name) for name in lists)
        key = ("tables", tenant, lists)
        known, text = self._texts.get(key, ((), ""))
        if not text or any(a is not b for a, b in zip(known, rows, strict=True)):
            text = msgspec.json.encode(dict(zip(lists, rows, strict=True))).decode()
            self._texts[key] = (rows, text)
        return text

    def _offices_text(self, tenant: str, now: float) -> str:
        """The same for a minute: hours begin and end with one."""
        minute = now // _MINUTE_S * _MINUTE_S
        hours, days = (self._tables.known(tenant, name) for name in (BUSINESS_HOURS, SPECIAL_DAYS))
        rows = (hours, days)
        key = ("offices", tenant, minute)
        known, text = self._texts.get(key, ((), ""))
        if not text or any(a is not b for a, b in zip(known, rows, strict=True)):
            text = knowledge.offices(hours, days, minute)
            self._texts[key] = (rows, text)
        return text
