"""REGISTER on its short way to a registrar: plainly written ones pass without transactions.

A phone's REGISTER is most of what a proxy hears while nobody calls, and nothing can be decided about it here:
one that is plain is written on, byte for byte but for our Via on top, the hops that are left and what the
registrar is told, and the answer goes back without that Via; no message is made of either. A phone that
repeats itself is not passed on twice (RFC 3261 16.2 asks no more of the state that is kept): while the answer
is awaited its request is dropped, afterwards it gets the same bytes again. What a registrar that is gone has
not answered takes the ordinary way, to the next one.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol, cast

from ringback.domain.configuration import Tenant
from ringback.services.sip_proxy.core import ProxyCore
from ringback.services.sip_proxy.refusals import Why
from ringback.services.sip_proxy.registering import Registering
from ringback.services.sip_proxy.responses import busy
from ringback.sip import Message, Request
from ringback.sip.counters import Counters
from ringback.sip.ids import BRANCH_COOKIE
from ringback.sip.parser import parse_message
from ringback.sip.plain import PlainRegister
from ringback.sip.reception import TakesUnread
from ringback.sip.transport import Destination, Source, is_address
from ringback.sip.uri import format_host_port
from ringback.sip.ways import mark_via, way_back_of

_LIFE_S = 32.0
"""Timers F and J: how long an answer is awaited, and how long it is repeated."""
_SWEEP_S = 1.0
_MOST_DOMAINS = 1000
_read = PlainRegister().read
_HOST = re.compile(r"<sips?:(?:[^@]*@)?([^:;>]+)").search
_USUAL_VIA = re.compile(
    r"(SIP/2\.0/[A-Z]+ [^;,]+)(?:(;rport);branch=(z9hG4bK[^;,=]*)|;branch=(z9hG4bK[^;,=]*);rport)"
).fullmatch
Key = tuple[str, str, int]
"""Branch, and the address that it came from."""
Refusal = tuple[int, Why]
"""The seconds after which one may come again, and why."""


class _Passing:
    """A REGISTER whose answer is awaited from the registrar `name` at `place`.

    `data` is what came from `source`, `via` its Via with the mark of that, `reply` where the answer goes.
    """

    __slots__ = ("data", "key", "name", "place", "proves", "reply", "source", "tenant", "via")

    def __init__(
        self,
        data: bytes,
        key: Key,
        source: Source,
        via: str,
        reply: Source,
        tenant: Tenant | None,
        proves: bool,
    ) -> None:
        self.data = data
        self.key = key
        self.source = source
        self.via = via
        self.reply = reply
        self.tenant = tenant
        self.proves = proves
        self.name = ""
        self.place: Destination = source

    def request(self) -> Request:
        """What came, its Via marked."""
        request = cast(Request, parse_message(self.data))
        request.set("Via", self.via)
        return request


class End(Protocol):
    """What is asked of the two endpoints."""

    counters: Counters
    takes_unread: dict[bytes, TakesUnread]
    on_connection_lost: Callable[[tuple[str, int]], None]

    def local_address(self, transport: str, toward: str) -> tuple[str, int]:
        """What the endpoint says in Via."""

    def receive(self, message: Request, source: Source) -> None:
        """Let the transactions have a message."""

    def send(self, message: Message, destination: Destination) -> None:
        """Send a message as it is."""

    def send_bytes(self, data: bytes, destination: Destination, failed: Callable[[], None] = ...) -> None:
        """Send what is a message already; `failed` is called if it cannot go there."""


class Registers:
    """Passes REGISTER on. `turns_away` is what every one from outside has to pass."""

    def __init__(
        self, core: ProxyCore, ordinary: Registering, turns_away: Callable[[Source], Refusal | None]
    ) -> None:
        self._core = core
        self._ordinary = ordinary
        self._ctx = core.ctx
        self._turns_away = turns_away
        self._boot = f"{BRANCH_COOKIE}r{secrets.token_hex(6)}."
        self._count = 0
        self._passing: dict[bytes, _Passing] = {}
        """By the branch that the registrar was given."""
        self._known: dict[Key, bytes | None] = {}
        """The answers; empty while one is awaited, None for what the transactions have."""
        self._ends: deque[tuple[float, Key, bytes]] = deque()
        self._sweeping = False
        self._ours: dict[str, str] = {}
        """Our Via up to its branch, by the host of the registrar."""
        self._tenants: list[Tenant] = []
        self._domains: dict[tuple[str, str], Tenant | None] = {}
        """Whose a REGISTER is by the hosts of its To and its Request-URI, among these tenants."""

    def connect(self, edge: End, inside: End) -> None:
        """Take REGISTER from the one endpoint and the answers to it from the other."""
        self._edge, self._inside = edge, inside
        edge.takes_unread[b"REGISTER"] = self.takes
        inside.takes_unread[b"SIP/2.0 "] = self.takes_answer
        inside.on_connection_lost = self._lost

    def __len__(self) -> int:
        """Those whose answer is awaited."""
        return len(self._passing)

    # The short way

    def takes(self, data: bytes, source: Source) -> bool:
        """Pass a plain REGISTER on; False for one that is to take the ordinary way."""
        found = _read(data)
        if found is None:
            return False
        line, hops, to, domain, authorization = found.group("via", "hops", "to", "domain", "authorization")
        if hops == "0" or "," in line:
            return False
        branch, via, reply = self._marked(data, line, source)
        if not branch:
            return False
        key = (branch, source.host, source.port)
        if key in self._known:
            return self._repeats(self._known[key], reply, via)
        passing = _Passing(data, key, source, via, reply, None, authorization is not None)
        turned = self._turns_away(source)
        if turned is not None:
            self._core.refusals.turn(turned[1])
            self._edge.send(busy(passing.request(), turned[0]), reply)
            return True
        passing.tenant = self._tenant(to, domain)
        if passing.tenant is None:
            self._known[key] = None
            self._end(key, b"", self._ctx.monotonic())
            self._edge.receive(passing.request(), reply)
        else:
            self._pass(passing, found, passing.tenant, hops)
        return True

    def _marked(self, data: bytes, line: str, source: Source) -> tuple[str, str, Source]:
        """Branch, Via with the mark of where it came from, where the answer goes (18.2.1, RFC 3581 4)."""
        usual = _USUAL_VIA(line)
        if usual is not None:
            start, before, first, second = usual.groups()
            if before is None:
                return second, f"{line}={source.port};received={source.host}", source
            return first, f"{start};rport={source.port};branch={first};received={source.host}", source
        request = cast(Request, parse_message(data))
        reply = mark_via(request, source)
        branch = request.via.branch
        return branch if branch.startswith(BRANCH_COOKIE) else "", request.get("Via") or "", reply

    def _repeats(self, answer: bytes | None, reply: Source, via: str) -> bool:
        """It has come before: answer as then, if there is an answer; False where the transactions know it."""
        if answer:
            self._edge.counters.repeated += 1
            self._edge.send_bytes(answer, way_back_of(reply, via))
        return answer is not None

    def _tenant(self, to: str, domain: str) -> Tenant | None:
        """Whose it is; None for a stranger's, and where the configuration must be asked."""
        tenants, host = self._core.callers.tenants_lately(), _HOST(to)
        if tenants is None:
            return None
        hosts = (host[1] if host is not None else "", domain)
        if tenants is not self._tenants or len(self._domains) > _MOST_DOMAINS:
            self._tenants, self._domains = tenants, {}
        if hosts not in self._domains:
            self._domains[hosts] = self._core.callers.pick(tenants, hosts)
        return self._domains[hosts]

    def _our_via(self, toward: str) -> str:
        host, port = self._inside.local_address("tcp", toward)
        self._ours[toward] = line = f"SIP/2.0/TCP {format_host_port(host, port)};branch="
        return line

    def _end(self, key: Key, token: bytes, now: float) -> None:
        self._ends.append((now + _LIFE_S, key, token))
        self._watch()

    def _pass(self, passing: _Passing, found: re.Match[str], tenant: Tenant, hops: str | None) -> None:
        core, text, now = self._core, found.string, self._ctx.monotonic()
        passing.name, passing.place = core.directory.registrar(now)
        place = passing.place
        self._count += 1
        branch = f"{self._boot}{self._count:x}"
        start, end = found.span("via")
        if hops is None:
            rest = f"\r\nMax-Forwards: 70{text[end:]}"
        else:
            at, after = found.span("hops")
            rest = f"{text[end:at]}{int(hops) - 1}{text[after:]}"
        added = "".join(
            [f"\r\n{header}: {value}" for header, value in self._ordinary.headers(tenant, passing.source)]
        )
        ours = self._ours.get(place.host) or self._our_via(place.host)
        written = f"{text[:start]}{ours}{branch}, {passing.via}{added}{rest}"
        core.metrics.request("REGISTER", "edge")
        core.metrics.sent_on("REGISTER", "from", "")
        token = branch.encode()
        self._passing[token] = passing
        self._known[passing.key] = b""
        self._end(passing.key, token, now)
        self._inside.send_bytes(written.encode(), place, partial(self._failed, token))

    def takes_answer(self, data: bytes, source: Source) -> bool:
        """Pass the answer of a registrar back; False for a response that is another's."""
        start = data.find(b"\r\n") + 2
        end = data.find(b"\r\n", start)
        comma = data.find(b", ", start, end)
        at = data.find(b";branch=", start, end) + len(b";branch=")
        token = data[at : end if comma < 0 else comma].partition(b";")[0]
        passing = self._passing.get(token)
        if passing is None or (source.host != passing.place.host and is_address(passing.place.host)):
            return False
        status = int(data[8:11])
        if status < 200:
            return True
        del self._passing[token]
        if comma < 0:
            answer = data[:start] + data[end + 2 :]
        else:
            answer = data[:start] + b"Via: " + data[comma + 2 :]
        phone, proves = passing.source, passing.proves
        if phone.transport == "udp" and (proves or status != 401):
            self._known[passing.key] = answer
        else:
            # Nobody repeats what came over a connection; and who has proved nothing may be asked again.
            self._known.pop(passing.key, None)
        self._core.metrics.answered(status)
        stale = status == 401 and proves and b"stale=true" in answer
        self._edge.send_bytes(answer, way_back_of(passing.reply, passing.via))
        self._ordinary.ended(phone, status, proves=proves, stale=stale)
        if status < 300 and phone.transport != "udp" and passing.tenant is not None:
            # Only connections can be lost.
            self._ordinary.registered(passing.request(), phone, passing.tenant)
        return True

    def _failed(self, token: bytes) -> None:
        """It could not be sent: the ordinary way knows what else there is."""
        passing = self._passing.pop(token, None)
        if passing is not None:
            self._core.directory.distrust(passing.name, self._ctx.monotonic())
            self._known[passing.key] = None
            self._edge.receive(passing.request(), passing.reply)

    def _lost(self, remote: tuple[str, int]) -> None:
        """A registrar has closed its connection: what it has not answered is asked elsewhere."""
        for token, passing in list(self._passing.items()):
            if (passing.place.host, passing.place.port) == remote:
                self._failed(token)

    def _watch(self) -> None:
        if not self._sweeping:
            self._sweeping = True
            asyncio.get_running_loop().call_later(_SWEEP_S, self._sweep)

    def _sweep(self) -> None:
        """Let go of what is too old to be repeated; who never answered is not asked first for a while."""
        now, ends = self._ctx.monotonic(), self._ends
        while ends and ends[0][0] <= now:
            _, key, token = ends.popleft()
            self._known.pop(key, None)
            passing = self._passing.pop(token, None)
            if passing is not None:
                self._core.directory.distrust(passing.name, now)
        self._sweeping = False
        if ends:
            self._watch()
