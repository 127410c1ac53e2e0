"""A load generator of templates and byte searches: both ends of a call in one process, cheap enough to stay
out of the way of what it measures.

`python tests/bench/sipload.py '{"target": …}'` takes the fields of `Plan` as JSON, makes whole calls (INVITE,
180, 200, ACK, BYE, 200) and prints one line of JSON, `Result`. `{"answer": "udp:127.0.0.1:9", "calls": 0}`
only answers, until it is killed. Without an argument the plan comes by standard input. UDP or TCP on
loopback; over UDP requests are repeated (RFC 3261 17.1).
"""

from __future__ import annotations

import contextlib
import hashlib
import heapq
import re
import selectors
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio %d RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)
T1_S, GIVE_UP_S = 0.5, 32.0
_VALUE = re.compile(rb'(\w+)="?([^",]*)"?')
_COPIED = (b"via:", b"from:", b"to:", b"call-i", b"cseq:", b"record")


class Plan(msgspec.Struct, kw_only=True):
    """What is to be done. Addresses are `udp:host:port` or `tcp:host:port`."""

    target: str = ""
    """Where requests go."""
    answer: str = ""
    """Where calls are answered; empty: nowhere."""
    user: str = "2001"
    domain: str = ""
    """The host of the Request-URI; empty: the target's."""
    calls: int = 1000
    """Calls, or REGISTER requests after the first of each user."""
    rate: float = 0.0
    """Calls begun per second; 0: as many as `outstanding` allows."""
    outstanding: int = 50
    """Most calls that are being set up or ended at a time (with `rate` 0)."""
    ring_s: float = 0.02
    """Seconds between 180 and 200."""
    hold_s: float = 0.0
    """Seconds between 200 and BYE."""
    headers: list[str] = []
    """Header lines that each INVITE has."""
    record: list[str] = []
    """Record-Route values that the answering side adds, as a proxy between would."""
    routed: bool = False
    """Hang up only after a re-INVITE: an agent has answered."""
    passwords: dict[str, str] = {}
    """With these the load is REGISTER: user to password."""
    contacts: int = 1
    """Bindings of each user."""
    progress_s: float = 0.0
    """Seconds between two lines that say how far it is, `Progress`; 0: none."""
    local: str = "127.0.0.1"


class Result(msgspec.Struct, kw_only=True):
    """What came of it; times in milliseconds, CPU of this process in milliseconds per call."""

    calls: int
    failed: int
    first_failure: str
    repeated: int
    seconds: float
    setup_p50_ms: float
    setup_p99_ms: float
    load_ms: float


class Progress(msgspec.Struct, tag="progress"):
    """Printed now and then while it runs. `setup_p50_ms` is that of the calls set up since the last time."""

    ended: int
    failed: int
    seconds: float
    repeated: int = 0
    setup_p50_ms: float = 0.0


class Up(msgspec.Struct, tag="up"):
    """Printed when as many calls are up at once as the plan has."""

    up: int


def values(data: bytes, name: bytes) -> list[bytes]:
    """All values of a header, in order; the name in lower case with its colon."""
    head = data[: data.find(b"\r\n\r\n")]
    return [line[len(name) :].strip() for line in head.split(b"\r\n") if line[: len(name)].lower() == name]


def value(data: bytes, spelled: bytes) -> bytes:
    r"""The first value of a header, by its usual spelling first, `b"\r\nCall-ID: "`."""
    start = data.find(spelled)
    if start < 0:
        found = values(data, spelled.strip().lower())
        return found[0] if found else b""
    start += len(spelled)
    return data[start : data.find(b"\r\n", start)]


class Line:
    """Where something is sent: a datagram socket and an address, or a connection."""

    def send(self, data: bytes) -> None:
        """Send one message."""
        raise NotImplementedError


class Datagrams(Line):
    """One UDP socket toward one address."""

    def __init__(self, sock: socket.socket, address: tuple[str, int]) -> None:
        self._sock, self._address = sock, address

    def send(self, data: bytes) -> None:
        with contextlib.suppress(BlockingIOError):  # its timer repeats it
            self._sock.sendto(data, self._address)


class Connection(Line):
    """One TCP connection; what one turn has to say leaves in one write."""

    def __init__(self, sock: socket.socket, dirty: list[Connection]) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        self.sock = sock
        self._dirty = dirty
        self._out: list[bytes] = []
        self._in = b""

    def send(self, data: bytes) -> None:
        if not self._out:
            self._dirty.append(self)
        self._out.append(data)

    def flush(self) -> None:
        """Write what is waiting; the kernel takes all of it, or the load is told to stop."""
        data, self._out = b"".join(self._out), []
        try:
            sent = self.sock.send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self.send(data[sent:])

    def receive(self) -> list[bytes]:
        """The whole messages that have come. Raises ConnectionError at its end."""
        data = self._in + self.sock.recv(1 << 20)
        found = []
        while (end := data.find(b"\r\n\r\n")) >= 0:
            if end == 0:
                data = data[4:]
                continue
            whole = end + 4 + int(value(data, b"\r\nContent-Length: ") or 0)
            if len(data) < whole:
                break
            found.append(data[:whole])
            data = data[whole:]
        if not found and data == self._in:
            raise ConnectionError("closed by the peer")
        self._in = data
        return found


@dataclass(slots=True)
class Call:
    """A call of the calling side, or a REGISTER."""

    began: float
    line: Line
    sent: bytes
    stage: bytes = b"INVITE"
    bye: bytes = b""
    user: str = ""
    established: bool = False


@dataclass(slots=True)
class User:
    """Somebody who registers: password and the challenge answered last."""

    name: str
    password: str
    challenge: dict[str, str] = field(default_factory=dict)
    uses: int = 0
    cseq: int = 0
    number: int = 0
    """Which of its contacts it registers."""


class Load:
    """Both ends, on one selector."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._selector = selectors.DefaultSelector()
        self._dirty: list[Connection] = []
        self._later: deque[tuple[float, bytes, Line]] = deque()
        self._repeats: list[tuple[float, str, float, bytes]] = []
        self._hold: deque[tuple[float, str]] = deque()
        self.open: dict[str, Call] = {}
        self.setups: list[float] = []
        self.ended = self.failed = self.repeated = self.made = self.up = self.settling = 0
        self._told_at = time.perf_counter()
        self._told = 0
        """Set-ups that were told of."""
        self.first_failure = ""
        self._users = [User(name, password) for name, password in plan.passwords.items()]
        self._by_name = {user.name: user for user in self._users}
        self._uas = b""
        # Callers have ears: audio sent to a port that nobody has would cost its sender an ICMP error each.
        self._ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
        self._ear.bind(("127.0.0.1", 0))
        self._sdp = SDP % self._ear.getsockname()[1]
        if plan.answer:
            self._listen(plan.answer)
        if plan.target:
            self._connect(plan.target)

    # Sockets

    def _listen(self, where: str) -> None:
        transport, host, port = _address(where)
        self._uas = f"<sip:bench@{host}:{port};transport={transport}>".encode()
        if transport == "udp":
            self._datagrams(host, port)
            return
        server = socket.create_server((host, port), backlog=64)
        server.setblocking(False)
        self._selector.register(server, selectors.EVENT_READ, lambda: self._accept(server))

    def _datagrams(self, host: str, port: int) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * 1024 * 1024)
        sock.bind((host, port))
        sock.setblocking(False)
        lines: dict[tuple[str, int], Line] = {}

        def read() -> None:
            for _ in range(64):
                try:
                    data, peer = sock.recvfrom(65536)
                except BlockingIOError:
                    return
                line = lines.get(peer)
                if line is None:
                    line = lines[peer] = Datagrams(sock, peer)
                self._received(data, line)

        self._selector.register(sock, selectors.EVENT_READ, read)
        return sock

    def _accept(self, server: socket.socket) -> None:
        sock, _ = server.accept()
        self._connection(sock)

    def _connection(self, sock: socket.socket) -> Connection:
        connection = Connection(sock, self._dirty)

        def read() -> None:
            try:
                messages = connection.receive()
            except ConnectionError:
                self._selector.unregister(sock)
                return
            for data in messages:
                self._received(data, connection)

        self._selector.register(sock, selectors.EVENT_READ, read)
        return connection

    def _connect(self, where: str) -> None:
        transport, host, port = _address(where)
        self._udp = transport == "udp"
        if self._udp:
            sock = self._datagrams(self.plan.local, 0)
            self._line: Line = Datagrams(sock, (host, port))
        else:
            sock = socket.create_connection((host, port), source_address=(self.plan.local, 0))
            self._line = self._connection(sock)
        own = "{}:{}".format(*sock.getsockname())
        self._own, self._prefix = own.encode(), own.replace(":", "-").replace(".", "")
        name = transport.upper()
        self._head = (
            f"%b %b SIP/2.0\r\nVia: SIP/2.0/{name} {own};branch=z9hG4bK%b;rport\r\n"
            f"%bMax-Forwards: 70\r\nFrom: <sip:+12025550100@{own}>;tag=%b\r\nTo: %b\r\nCall-ID: %b\r\n"
            f"CSeq: %d %b\r\n"
        ).encode()
        suffix = "" if self._udp else f";transport={transport}"
        contact = f"Contact: <sip:bench@{own}{suffix}>\r\n"
        extra = "".join(line + "\r\n" for line in self.plan.headers)
        body = self._sdp
        self._tail = f"{contact}{extra}Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n"
        self._invite_tail = self._tail.encode() + body
        self._uri = f"sip:{self.plan.user}@{self.plan.domain or f'{host}:{port}'}".encode()

    # Both ends

    def _received(self, data: bytes, line: Line) -> None:
        if data.startswith(b"SIP/2.0 "):
            self._response(data)
        elif data.startswith(b"ACK"):
            if self.plan.routed:
                self._acknowledged(value(data, b"\r\nCall-ID: ").decode())
        elif data.strip():
            self._request(data, line)

    def _request(self, data: bytes, line: Line) -> None:
        if not data.startswith(b"INVITE"):
            line.send(self._reply(data, b"200 OK"))
            return
        if b";tag=" in value(data, b"\r\nTo: "):
            line.send(self._reply(data, b"200 OK", self._sdp, b"<sip:bench@%b>" % self._own))
            return
        answer = self._reply(data, b"200 OK", self._sdp)
        line.send(self._reply(data, b"180 Ringing"))
        self._later.append((time.perf_counter() + self.plan.ring_s, answer, line))

    def _reply(self, data: bytes, status: bytes, body: bytes = b"", contact: bytes = b"") -> bytes:
        lines = [b"SIP/2.0 " + status]
        head = data[: data.find(b"\r\n\r\n")]
        for line in head.split(b"\r\n"):
            start = line[:6].lower()
            if not start.startswith(_COPIED):
                continue
            if start.startswith(b"to:") and b";tag=" not in line:
                line += b";tag=uas"
            lines.append(line)
        if body or status.startswith(b"18"):
            lines += [b"Record-Route: " + route.encode() for route in self.plan.record]
            lines.append(b"Contact: " + (contact or self._uas))
        if body:
            lines.append(b"Content-Type: application/sdp")
        lines.append(b"Content-Length: %d\r\n\r\n" % len(body))
        return b"\r\n".join(lines) + body

    # The calling end

    def _begin(self) -> None:
        self.made += 1
        self.settling += 1
        if self._users:
            user = self._users[self.made % len(self._users)]
            user.number = self.made // len(self._users) % self.plan.contacts
            self._register(user)
            return
        call_id = f"{self._prefix}-{self.made}"
        name = call_id.encode()
        head = self._head % (
            b"INVITE",
            self._uri,
            name,
            b"",
            name,
            b"<%b>" % self._uri,
            name,
            1,
            b"INVITE",
        )
        data = head + self._invite_tail
        self.open[call_id] = Call(time.perf_counter(), self._line, data)
        self._send(call_id, data)

    def _send(self, call_id: str, data: bytes) -> None:
        self._line.send(data)
        wait = T1_S if self._udp else GIVE_UP_S
        heapq.heappush(self._repeats, (time.perf_counter() + wait, call_id, wait, data))

    def _response(self, data: bytes) -> None:
        status = int(data[8:11])
        call_id = value(data, b"\r\nCall-ID: ").decode()
        call = self.open.get(call_id)
        if call is None:
            return
        method = value(data, b"\r\nCSeq: ").split()[1]
        if status < 200:
            call.sent = b"" if method == b"INVITE" else call.sent
        elif method == b"REGISTER":
            self._registered(data, status, call_id, call)
        elif method == b"BYE":
            self._over(call_id)
        elif status >= 300:
            ack = self._in_dialog(b"ACK", call_id, 1, self._uri, value(data, b"\r\nTo: "), [])
            self._line.send(ack)
            self._fail(call_id, data[8 : data.find(b"\r\n")].decode())
        else:
            self._answered(data, call_id, call)

    def _answered(self, data: bytes, call_id: str, call: Call) -> None:
        contact = value(data, b"\r\nContact: ")
        uri = contact[contact.find(b"<") + 1 : contact.find(b">")]
        lines = values(data, b"record-route:")
        routes = [part.strip() for line in lines for part in line.split(b",")][::-1]
        to = value(data, b"\r\nTo: ")
        self._line.send(self._in_dialog(b"ACK", call_id, 1, uri, to, routes))
        if call.established:
            return
        call.established, call.sent = True, b""
        call.bye = self._in_dialog(b"BYE", call_id, 2, uri, to, routes)
        if self.plan.routed:
            return
        self.setups.append(time.perf_counter() - call.began)
        if not self.plan.hold_s:
            self._hang_up(call_id, call)
            return
        self.up += 1
        self.settling -= 1
        self._hold.append((time.perf_counter() + self.plan.hold_s, call_id))
        if self.up == self.plan.calls:
            _tell(Up(self.up))

    def _acknowledged(self, call_id: str) -> None:
        """Our 200 to a re-INVITE was acknowledged: the agent is there."""
        call = self.open.get(call_id)
        if call is not None and call.bye and call.stage == b"INVITE":
            self.setups.append(time.perf_counter() - call.began)
            self._hang_up(call_id, call)

    def _hang_up(self, call_id: str, call: Call) -> None:
        call.stage, call.sent = b"BYE", call.bye
        self._send(call_id, call.bye)

    def _in_dialog(
        self, method: bytes, call_id: str, cseq: int, uri: bytes, to: bytes, routes: list[bytes]
    ) -> bytes:
        name = call_id.encode()
        lines = b"".join(b"Route: %b\r\n" % route for route in routes)
        head = self._head % (method, uri, name + method, lines, name, to, name, cseq, method)
        return head + b"Content-Length: 0\r\n\r\n"

    def _over(self, call_id: str) -> None:
        del self.open[call_id]
        self.settling -= 1
        self.ended += 1

    def _fail(self, call_id: str, reason: str) -> None:
        del self.open[call_id]
        self.settling -= 1
        self.failed += 1
        self.first_failure = self.first_failure or reason

    # REGISTER

    def _register(self, user: User) -> None:
        plan = self.plan
        number = user.number
        user.cseq += 1
        call_id = f"{self._prefix}-r{user.name}-{number}-{user.cseq}"
        name, aor = call_id.encode(), f"<sip:{user.name}@{plan.domain}>".encode()
        uri = f"sip:{plan.domain}"
        head = self._head % (
            b"REGISTER",
            uri.encode(),
            name,
            b"",
            name,
            aor,
            name,
            user.cseq,
            b"REGISTER",
        )
        port = 20_000 + number
        contact = f"Contact: <sip:{user.name}@127.0.0.1:{port}>\r\nExpires: 3600\r\n"
        if user.challenge:
            contact += _authorization(user, uri)
        data = head + f"{contact}Content-Length: 0\r\n\r\n".encode()
        self.open[call_id] = Call(time.perf_counter(), self._line, data, b"REGISTER", user=user.name)
        self._send(call_id, data)

    def _registered(self, data: bytes, status: int, call_id: str, call: Call) -> None:
        if status == 401 and b"\r\nAuthorization: " in call.sent and b"stale=true" not in data:
            self._fail(call_id, "401 to the right password")
        elif status == 401:
            user = self._by_name[call.user]
            offered = [_pairs(line) for line in values(data, b"www-authenticate:")]
            user.challenge = next(item for item in offered if item.get("algorithm", "MD5") == "MD5")
            user.uses = 0
            del self.open[call_id]
            self.settling -= 1
            self._register(user)
            self.settling += 1
        elif status >= 300:
            self._fail(call_id, data[8 : data.find(b"\r\n")].decode())
        else:
            self.setups.append(time.perf_counter() - call.began)
            self._over(call_id)

    # Time

    def run(self) -> Result:
        """Carry the plan out."""
        plan = self.plan
        began, cpu = time.perf_counter(), time.process_time()
        while self.made < plan.calls or self.open or not plan.calls:
            now = time.perf_counter()
            if plan.rate:
                due = min(plan.calls, int((now - began) * plan.rate) + 1)
            else:
                due = min(plan.calls, self.made + plan.outstanding - self.settling)
            while self.made < due:
                self._begin()
            self._turn(now)
            if plan.progress_s and now - self._told_at >= plan.progress_s:
                self._told_at = now
                _tell(self._progress(now - began))
        setups = sorted(self.setups) or [0.0]
        return Result(
            calls=self.ended,
            failed=self.failed,
            first_failure=self.first_failure,
            repeated=self.repeated,
            seconds=round(time.perf_counter() - began, 3),
            setup_p50_ms=round(setups[len(setups) // 2] * 1000, 2),
            setup_p99_ms=round(setups[int(len(setups) * 0.99)] * 1000, 2),
            load_ms=round((time.process_time() - cpu) / max(1, self.made) * 1000, 4),
        )

    def _progress(self, seconds: float) -> Progress:
        new = sorted(self.setups[self._told :]) or [0.0]
        self._told = len(self.setups)
        middle = round(new[len(new) // 2] * 1000, 1)
        return Progress(self.ended, self.failed, round(seconds, 3), self.repeated, middle)

    def _turn(self, now: float) -> None:
        while self._later and self._later[0][0] <= now:
            _, data, line = self._later.popleft()
            line.send(data)
        while self._hold and self._hold[0][0] <= now:
            call_id = self._hold.popleft()[1]
            self.settling += 1
            self.up -= 1
            self._hang_up(call_id, self.open[call_id])
        dirty = self._dirty.copy()
        self._dirty.clear()
        for connection in dirty:
            connection.flush()
        for key, _ in self._selector.select(self._pause(now)):
            action: Callable[[], None] = key.data
            action()
        # What has been answered meanwhile is not repeated.
        while self._repeats and self._repeats[0][0] <= now:
            self._repeat(now)

    def _pause(self, now: float) -> float:
        """Short while calls are begun by the clock, else until the next answer is due."""
        if self.plan.rate and self.made < self.plan.calls:
            return 0.0005
        return max(0.0, self._later[0][0] - now) if self._later else 0.05

    def _repeat(self, now: float) -> None:
        _, call_id, wait, data = heapq.heappop(self._repeats)
        call = self.open.get(call_id)
        if call is None or call.sent is not data:
            if call is not None and not call.sent and call.stage == b"INVITE" and not call.established:
                self._wait_for_answer(now, call_id, call, data)
            return
        if now - call.began > GIVE_UP_S + self.plan.hold_s:
            self._fail(call_id, f"no answer to {call.stage.decode()}")
            return
        if self._udp:
            self.repeated += 1
            call.line.send(data)
        wait = min(2 * wait, 4.0)
        heapq.heappush(self._repeats, (now + wait, call_id, wait, data))

    def _wait_for_answer(self, now: float, call_id: str, call: Call, data: bytes) -> None:
        """It rings; somebody must answer some day."""
        if now - call.began > GIVE_UP_S:
            self._fail(call_id, "no final response")
        else:
            heapq.heappush(self._repeats, (now + 4.0, call_id, 4.0, data))


def _tell(news: Progress | Up) -> None:
    print(msgspec.json.encode(news).decode(), flush=True)


def _authorization(user: User, uri: str) -> str:
    user.uses += 1
    realm, nonce = user.challenge["realm"], user.challenge["nonce"]
    first = _md5(f"{user.name}:{realm}:{user.password}")
    count = f"{user.uses:08x}"
    answer = _md5(f"{first}:{nonce}:{count}:c0ffee:auth:{_md5(f'REGISTER:{uri}')}")
    return (
        f'Authorization: Digest username="{user.name}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
        f'algorithm=MD5, response="{answer}", qop=auth, nc={count}, cnonce="c0ffee"\r\n'
    )


def _pairs(line: bytes) -> dict[str, str]:
    return {name.decode(): text.decode() for name, text in _VALUE.findall(line)}


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _address(text: str) -> tuple[str, str, int]:
    transport, host, port = text.split(":")
    return transport, host, int(port)


if __name__ == "__main__":
    given = sys.argv[1].encode() if len(sys.argv) > 1 else sys.stdin.buffer.read()
    print(msgspec.json.encode(Load(msgspec.json.decode(given, type=Plan)).run()).decode())
