"""REGISTER that came over a connection, answered without a transaction (RFC 3261 8.2.7), mostly unread."""

from __future__ import annotations

import time
from functools import lru_cache, partial

from prometheus_client import CollectorRegistry

from ringback.runtime.tally import Durations, Tally
from ringback.services.registrar.asked import Asked
from ringback.services.registrar.register import Answer, RegisterHandler
from ringback.sip import Request
from ringback.sip.endpoint import SipEndpoint
from ringback.sip.transport import Source
from ringback.sip.ways import way_back_of

_word = lru_cache(128)(str)


class Answering:
    """Takes what comes to an endpoint; what it leaves goes the way of all other requests."""

    def __init__(self, handler: RegisterHandler, endpoint: SipEndpoint, registry: CollectorRegistry) -> None:
        self._handler = handler
        self._endpoint = endpoint
        self._answers = Tally(
            "registrar_register_count", "REGISTER by answer", ("status",), registry, exact=True
        )
        self._seconds = Durations("registrar_request_latency", "Seconds to an answer", registry=registry)
        endpoint.takes_unread[b"REGISTER"] = self._takes_plain
        endpoint.takes["REGISTER"] = self._takes

    def answered(self, status: int, began: float) -> None:
        """Count an answer to what came at this moment of `time.perf_counter`."""
        self._seconds.observe(time.perf_counter() - began)
        self._answers.counts[_word(status),] += 1

    def _takes_plain(self, data: bytes, source: Source) -> bool:
        asked = Asked.at_a_glance(data) if source.connection is not None else None
        return asked is not None and self._take(asked, source)

    def _takes(self, request: Request, source: Source) -> bool:
        return source.connection is not None and self._take(Asked.of(request), source)

    def _take(self, asked: Asked, source: Source) -> bool:
        return self._handler.answer_now(asked, partial(self._answer, asked, source, time.perf_counter()))

    def _answer(self, asked: Asked, source: Source, began: float, answer: Answer) -> None:
        status, reason, headers = answer
        self.answered(status, began)
        data = asked.answered(status, reason, self._endpoint.ids.tag(), headers)
        self._endpoint.send_bytes(data, way_back_of(source, asked.via))
