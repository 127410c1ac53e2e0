"""Elements that look something up: what a text is about, how a target stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringback.domain.classifying import classified
from ringback.services.orchestration.modules.statistic import plain_wish
from ringback.services.orchestration.performer import ActionFailed, Performer, Reply
from ringback.services.orchestration.records import Json, Pending, Record
from ringback.services.orchestration.statistics import Statistics
from ringback.services.orchestration.tables import Tables

if TYPE_CHECKING:
    from ringback.services.orchestration.store import SessionStore

FIGURES: dict[str, dict[str, str]] = {
    "agent": {"status": "CurrentStatus", "ready": "CurrNumberReady", "loggedin": "CurrNumberLoggedIn"},
    "group": {"ready": "CurrNumberReady", "loggedin": "CurrNumberLoggedIn"},
    "vq": {
        "ready": "CurrAgentsReady",
        "loggedin": "CurrAgentsLoggedIn",
        "waiting": "CurrNumberWaitingCalls",
        "ewt": "ExpectedWaitTime",
    },
}
"""What is told of a target, and the statistic it is."""
_NOBODY = "NotMonitored"


class Judging:
    """The elements `classify` and `screen`, and `gettarget`."""

    def __init__(self, tables: Tables, statistics: Statistics, performer: Performer) -> None:
        self._tables = tables
        self._statistics = statistics
        performer.add("classification.classify", self._classify)
        performer.add("classification.screen", self._screen)
        performer.add("resource.gettarget", self._target)

    async def _classify(self, record: Record, action: Pending, _store: SessionStore) -> Reply:
        verdict = classified(action.payload["text"], await self._rules(record, action))
        return {
            "category": verdict.category,
            "confidence": verdict.confidence,
            "categories": verdict.categories,
            "rules": list(verdict.rules),
        }

    async def _screen(self, record: Record, action: Pending, _store: SessionStore) -> Reply:
        rules = classified(action.payload["text"], await self._rules(record, action)).rules
        return {"matched": bool(rules), "rules": list(rules)}

    async def _rules(self, record: Record, action: Pending) -> dict[str, dict[str, Json]]:
        rows = await self._tables.rows(record.tenant, action.payload["table"])
        if not rows:
            raise ActionFailed("unknown_table")
        return rows

    async def _target(self, record: Record, action: Pending, _store: SessionStore) -> Reply:
        asked = action.payload
        wanted = {
            name: {**plain_wish(asked["object"], statistic), "object_type": asked["object_type"]}
            for name, statistic in FIGURES[asked["object_type"]].items()
        }
        found = await self._statistics.peek(record.tenant, wanted)
        if found is None or found.get("status") == _NOBODY:
            raise ActionFailed("unknown_target")
        return {"target": asked["target"], "name": asked["object"], "type": asked["object_type"], **found}
