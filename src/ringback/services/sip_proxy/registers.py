"""REGISTER on its short way to a registrar: plainly written ones pass without transactions.

A phone's REGISTER is most of what a proxy hears while nobody calls, and nothing can be decided about it here:
one that is plain is written on with our Via on top, and the answer goes back without that line. A phone that
repeats itself is not passed on twice (RFC 3261 16.2 asks no more of the state that is kept): while the answer
is awaited its request is dropped, afterwards it gets the same bytes again. What a registrar that is gone has
not answered takes the ordinary way, to the next one.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from functools import partial

from ringback.domain.configuration import Tenant
from ringback.services.sip_proxy.core import ProxyCore
from ringback.services.sip_proxy.registering import Registering
from ringback.sip import Request
from ringback.sip.endpoint import Admit, SipEndpoint
from ringback.sip.ids import BRANCH_COOKIE
from ringback.sip.plain import USUAL, read_register
from ringback.sip.transport import Destination, Source
from ringback.sip.uri import format_host_port
from ringback.sip.ways import way_back

_LIFE_S = 32.0
"""Timers F and J: how long an answer is awaited, and how long it is repeated."""
_SWEEP_S = 1.0
_WRITTEN_HERE = frozenset({"Via", "Max-Forwards", "Content-Length"})
_PLAIN = USUAL | _WRITTEN_HERE
"""A REGISTER with nothing but these, each once, needs none of what is done to others."""
Key = tuple[str, str, int]
"""Branch, and the address that it came from."""


class _Passing:
    """A REGISTER whose answer is awaited from the registrar `name` at `place`."""

    __slots__ = ("key", "name", "place", "request", "source", "tenant")

    def __init__(
        self, key: Key, request: Request, source: Source, tenant: Tenant, name: str, place: Destination
    ) -> None:
        self.key = key
        self.request = request
        self.source = source
        self.tenant = tenant
        self.name = name
        self.place = place


class Registers:
    """Passes REGISTER on. `admit` is what every request from outside has to pass."""

    def __init__(self, core: ProxyCore, ordinary: Registering, admit: Admit) -> None:
        self._core = core
        self._ordinary = ordinary
        self._ctx = core.ctx
        self._admit = admit
        self._boot = f"{BRANCH_COOKIE}r{secrets.token_hex(6)}."
        self._count = 0
        self._passing: dict[bytes, _Passing] = {}
        """By the branch that the registrar was given."""
        self._known: dict[Key, bytes] = {}
        """The answers; empty while one is awaited."""
        self._ends: deque[tuple[float, Key, bytes]] = deque()
        self._ordinary_until = 0.0
        """Until then the transactions may know a REGISTER that comes again."""
        self._sweeping = False

    def connect(self, edge: SipEndpoint, inside: SipEndpoint) -> None:
        """Take REGISTER from the one endpoint and the answers to it from the other."""
        self._edge, self._inside = edge, inside
        edge.reads = read_register
        edge.takes["REGISTER"] = self.takes
        inside.takes_answer = self.takes_answer
        inside.on_connection_lost = self._lost

    def __len__(self) -> int:
        """Those whose answer is awaited."""
        return len(self._passing)

    # The short way

    def takes(self, request: Request, source: Source) -> bool:
        """Pass a plain REGISTER on; False for one that is to take the ordinary way."""
        via = request.via
        key = (via.branch, source.host, source.port)
        answer = self._known.get(key)
        if answer is not None:
            if answer:
                self._edge.counters.repeated += 1
                self._edge.send_bytes(answer, way_back(source, via))
            return True
        now = self._ctx.monotonic()
        if now < self._ordinary_until and self._edge.knows(request):
            return False
        tenants, written = self._core.callers.tenants_at_hand(), self._written(request)
        if tenants is None or written is None:
            self._ordinary_until = now + _LIFE_S
            return False
        refusal = self._admit(request, source)
        if refusal is not None:
            self._edge.send(refusal, source)
            return True
        tenant = self._core.callers.pick(tenants, (request.to.uri.host, request.uri.host))
        if tenant is None:
            self._ordinary_until = now + _LIFE_S
            self._edge.receive(request, source)
        else:
            self._pass(request, source, key, tenant, written, now)
        return True

    @staticmethod
    def _written(request: Request) -> list[str] | None:
        """The header lines of a plain REGISTER that go on as they are; None for any other."""
        names, headers = request.first_values(), request.headers
        if (
            request.body
            or len(names) != len(headers)
            or not names.keys() <= _PLAIN
            or request.max_forwards == 0
            or request.raw_uri[:4] != "sip:"
            or request.to_tag is not None
            or not request.via.branch.startswith(BRANCH_COOKIE)
            or "," in names["Via"]
        ):
            return None
        lines = [f"{name}: {value}" for name, value in headers if name not in _WRITTEN_HERE]
        return lines if request.raw_uri.isascii() and "".join(lines).isascii() else None

    def _pass(
        self, request: Request, source: Source, key: Key, tenant: Tenant, lines: list[str], now: float
    ) -> None:
        core = self._core
        name, place = core.directory.registrar_order(now)[0]
        self._count += 1
        branch = f"{self._boot}{self._count:x}"
        host, port = self._inside.local_address("tcp", place.host)
        left = request.max_forwards
        added = "".join(
            [f"{header}: {value}\r\n" for header, value in self._ordinary.headers(tenant, source)]
        )
        text = (
            f"REGISTER {request.raw_uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/TCP {format_host_port(host, port)};branch={branch}, {request.get('Via')}\r\n"
            + "\r\n".join(lines)
            + "\r\n"
            f"Max-Forwards: {70 if left is None else left - 1}\r\n{added}Content-Length: 0\r\n\r\n"
        )
        core.metrics.request("REGISTER", "edge")
        core.metrics.sent_on("REGISTER", "from", "")
        token = branch.encode()
        self._passing[token] = _Passing(key, request, source, tenant, name, place)
        self._known[key] = b""
        self._ends.append((now + _LIFE_S, key, token))
        self._watch()
        self._inside.send_bytes(text.encode(), place, partial(self._failed, token))

    def takes_answer(self, data: bytes, source: Source) -> bool:
        """Pass the answer of a registrar back; False for a response that is another's."""
        start = data.find(b"\r\n") + 2
        end = data.find(b"\r\n", start)
        ours, comma, theirs = data[start:end].partition(b", ")
        token = ours.partition(b";branch=")[2].partition(b";")[0]
        passing = self._passing.get(token)
        if passing is None or source.host != passing.place.host:
            return False
        status = int(data[8:11])
        if status < 200:
            return True
        del self._passing[token]
        request, phone = passing.request, passing.source
        answer = (
            b"%bVia: %b%b" % (data[:start], theirs, data[end:]) if comma else data[:start] + data[end + 2 :]
        )
        proves = request.has("Authorization")
        if phone.transport == "udp" and (proves or status != 401):
            self._known[passing.key] = answer
        else:
            # Nobody repeats what came over a connection; and who has proved nothing may be asked again.
            self._known.pop(passing.key, None)
        self._core.metrics.answered(status)
        stale = status == 401 and proves and b"stale=true" in answer
        self._edge.send_bytes(answer, way_back(phone, request.via))
        self._ordinary.ended(request, phone, passing.tenant, status, stale=stale)
        return True

    def _failed(self, token: bytes) -> None:
        """It could not be sent: the ordinary way knows what else there is."""
        passing = self._passing.pop(token, None)
        if passing is not None:
            now = self._ctx.monotonic()
            self._core.directory.distrust(passing.name, now)
            self._known.pop(passing.key, None)
            self._ordinary_until = now + _LIFE_S
            self._edge.receive(passing.request, passing.source)

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
