"""Asks the name servers what `locate` wants to know; remembers the answers for as long as they are good."""

from __future__ import annotations

import asyncio
import random
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.resolver

from ringback.sip.locate import Able, Kind, Naptr, Question, Record, Srv, locate
from ringback.sip.transport import Destination
from ringback.sip.uri import SipUri, parse_host_port

_MAX_KNOWN = 4096
_LONGEST_S = 86_400.0
_NOTHING_S = 30.0
"""Seconds for which "there is no such name" is believed."""
_SILENCE_S = 2.0
"""Seconds in which servers that have not answered are not asked again."""

Known = tuple[float, list[Record] | None]
"""Until when, and the records; None: the servers did not answer."""


class DnsUnavailable(OSError):
    """No name server has answered, and nothing is remembered."""


class Resolver:
    """Questions go to `nameservers` (`address` or `address:port`; none: those of the system).

    A question that is under way is asked once, however many wait for it, and others are not held up. When the
    servers are silent, what they said last stays good (RFC 8767). Names of the machine's own hosts
    file come first, as everywhere else.
    """

    def __init__(
        self,
        nameservers: Sequence[str] = (),
        *,
        timeout_s: float = 3.0,
        now: Callable[[], float] = time.monotonic,
        hosts: Path = Path("/etc/hosts"),
    ) -> None:
        self._nameservers = tuple(nameservers)
        self._timeout_s = timeout_s
        self._now = now
        self._hosts = hosts
        self._dns: dns.asyncresolver.Resolver | None = None
        self._known: OrderedDict[Question, Known] = OrderedDict()
        self._asking: dict[Question, asyncio.Task[list[Record]]] = {}
        self._silent_until = 0.0
        self.asked = 0
        """Questions that went to a server."""

    async def locate(self, uri: SipUri, able: Able | None = None) -> list[Destination]:
        """The destinations for a URI, best first. Raises DnsUnavailable."""
        steps = locate(uri, able or Able(), random.random)
        try:
            question = next(steps)
            while True:
                question = steps.send(await self.ask(question))
        except StopIteration as end:
            found: list[Destination] = end.value
            return found

    def locate_now(self, uri: SipUri, able: Able | None = None) -> list[Destination] | None:
        """The destinations for a URI, as far as all is known; None where a server must be asked."""
        steps = locate(uri, able or Able(), random.random)
        try:
            question = next(steps)
            while (records := self._fresh(question)) is not None:
                question = steps.send(records)
        except StopIteration as end:
            found: list[Destination] = end.value
            return found
        steps.close()
        return None

    def _fresh(self, question: Question) -> list[Record] | None:
        known = self._known.get(question)
        return known[1] if known is not None and known[0] > self._now() else None

    async def ask(self, question: Question) -> list[Record]:
        """The records of a name. Raises DnsUnavailable."""
        known = self._known.get(question)
        if known is not None and known[0] > self._now():
            if known[1] is None:
                raise DnsUnavailable(f"no answer about {question.name}")
            return known[1]
        task = self._asking.get(question)
        if task is None:
            task = self._asking[question] = asyncio.ensure_future(self._look_up(question))
            task.add_done_callback(lambda _: self._asking.pop(question, None))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Forget the questions that are under way."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _look_up(self, question: Question) -> list[Record]:
        own = _in_hosts(self._hosts, question)
        if own:
            return self._remember(question, own, _NOTHING_S)
        try:
            if self._silent_until > self._now() and question in self._known:
                raise DnsUnavailable("silent a moment ago")
            records, good_s = await self._ask_servers(question)
        except (dns.exception.DNSException, OSError) as error:
            stale = self._known.get(question)
            kept = stale[1] if stale is not None else None
            self._silent_until = max(self._silent_until, self._now() + _SILENCE_S)
            self._known[question] = (self._now() + _SILENCE_S, kept)
            if kept is None:
                raise DnsUnavailable(f"no answer about {question.name}") from error
            return kept
        return self._remember(question, records, good_s)

    def _remember(self, question: Question, records: list[Record], good_s: float) -> list[Record]:
        self._known.pop(question, None)
        if len(self._known) >= _MAX_KNOWN:
            self._known.popitem(last=False)
        self._known[question] = (self._now() + min(good_s, _LONGEST_S), records)
        return records

    async def _ask_servers(self, question: Question) -> tuple[list[Record], float]:
        if self._dns is None:
            self._dns = _made(self._nameservers)
        self.asked += 1
        try:
            answer = await self._dns.resolve(
                question.name, question.kind, raise_on_no_answer=False, lifetime=self._timeout_s
            )
        except dns.resolver.NXDOMAIN:
            return [], _NOTHING_S
        if answer.rrset is None:
            return [], _NOTHING_S
        return [_record(question.kind, item) for item in answer.rrset], float(answer.rrset.ttl)


def _made(nameservers: Sequence[str]) -> dns.asyncresolver.Resolver:
    if not nameservers:
        return dns.asyncresolver.Resolver()
    made = dns.asyncresolver.Resolver(configure=False)
    places = [
        parse_host_port(f"[{text}]" if text.count(":") > 1 and "[" not in text else text)
        for text in nameservers
    ]
    made.nameservers = [dns.nameserver.Do53Nameserver(host, port or 53) for host, port in places]
    return made


def _record(kind: Kind, item: Any) -> Record:
    if kind == "NAPTR":
        flags, service = (value.decode("ascii", "replace") for value in (item.flags, item.service))
        replacement = item.replacement.to_text(omit_final_dot=True)
        return Naptr(item.order, item.preference, flags, service, replacement)
    if kind == "SRV":
        return Srv(item.priority, item.weight, item.port, item.target.to_text(omit_final_dot=True))
    return str(item.address)


def _in_hosts(path: Path, question: Question) -> list[Record]:
    """The addresses of a name in the hosts file of the machine."""
    if question.kind not in ("A", "AAAA"):
        return []
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    rows = [line.partition("#")[0].split() for line in lines]
    name = question.name.lower()
    found = [row[0] for row in rows if name in (item.lower() for item in row[1:])]
    return [address for address in found if (":" in address) == (question.kind == "AAAA")]
