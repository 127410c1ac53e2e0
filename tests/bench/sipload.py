"""A load generator of templates and string searches: cheap enough to stay out of the way of what it measures.

`python tests/bench/sipload.py uas PORT` answers every INVITE (180, 200) and BYE.
`python tests/bench/sipload.py uac HOST:PORT USER CALLS RATE [routed]` makes CALLS whole calls (INVITE, 180,
200, ACK, BYE, 200) at RATE a second; with `routed` a caller hangs up only after an agent has answered, which
it sees by a re-INVITE. It prints one line of JSON: `{"calls", "failed", "first_failure", "seconds",
"setup_p50_ms", "setup_p99_ms"}`. UDP on loopback only; it ends by itself.
"""

from __future__ import annotations

import json
import re
import socket
import sys
import time
from dataclasses import dataclass, field

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)
GIVE_UP_S = 30.0


def header(text: str, *names: str) -> list[str]:
    """All values of a header, in order."""
    pattern = r"^(?:" + "|".join(names) + r")[ \t]*:[ \t]*(.*?)\r$"
    return re.findall(pattern, text, re.I | re.M)


def reply(text: str, status: str, tag: str, contact: str, body: str = "") -> bytes:
    """A response to `text`."""
    to = header(text, "To", "t")[0]
    if ";tag=" not in to:
        to += f";tag={tag}"
    lines = [f"SIP/2.0 {status}"]
    lines += [f"Via: {value}" for value in header(text, "Via", "v")]
    lines += [f"Record-Route: {value}" for value in header(text, "Record-Route")]
    lines += [f"From: {header(text, 'From', 'f')[0]}", f"To: {to}"]
    lines += [f"Call-ID: {header(text, 'Call-ID', 'i')[0]}", f"CSeq: {header(text, 'CSeq')[0]}"]
    lines += [f"Contact: <sip:bench@{contact}>"]
    if body:
        lines += ["Content-Type: application/sdp"]
    lines += [f"Content-Length: {len(body)}", "", body]
    return "\r\n".join(lines).encode()


def serve(port: int) -> None:
    """Answer calls until killed."""
    sock = _socket(port)
    contact = f"127.0.0.1:{port}"
    print(f"listening {port}", flush=True)
    while True:
        data, peer = sock.recvfrom(65536)
        text = data.decode("utf-8", "replace")
        method = text.split(" ", 1)[0]
        if method == "INVITE":
            sock.sendto(reply(text, "180 Ringing", "uas", contact), peer)
            sock.sendto(reply(text, "200 OK", "uas", contact, SDP.format(port=40000)), peer)
        elif method in ("BYE", "CANCEL", "OPTIONS"):
            sock.sendto(reply(text, "200 OK", "uas", contact), peer)


@dataclass(slots=True)
class Caller:
    """Drives calls from one socket."""

    target: tuple[str, int]
    user: str
    port: int = 0
    sock: socket.socket = field(init=False)
    open: dict[str, float] = field(default_factory=dict)
    setups: list[float] = field(default_factory=list)
    ended: int = 0
    failed: int = 0
    answered: set[str] = field(default_factory=set)
    first_failure: str = ""
    routed: bool = False
    dialogs: dict[str, tuple[str, str, list[str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sock = _socket(self.port)
        self.port = self.sock.getsockname()[1]

    def invite(self, number: int) -> None:
        """Begin call `number`."""
        call_id = f"bench-{self.port}-{number}"
        self.open[call_id] = time.perf_counter()
        self._send("INVITE", call_id, 1, f"sip:{self.user}@{self._host}", "", [], SDP.format(port=30000))

    def drain(self) -> None:
        """Handle what has arrived."""
        while True:
            try:
                data, _ = self.sock.recvfrom(65536)
            except BlockingIOError:
                return
            self._handle(data.decode("utf-8", "replace"))

    def expire(self) -> None:
        """Give up calls that are too old."""
        limit = time.perf_counter() - GIVE_UP_S
        for call_id in [call_id for call_id, began in self.open.items() if began < limit]:
            del self.open[call_id]
            self.failed += 1
            answered = "BYE" if call_id in self.answered else "INVITE"
            self.first_failure = self.first_failure or f"no answer to {answered}"

    @property
    def _host(self) -> str:
        return f"{self.target[0]}:{self.target[1]}"

    def _handle(self, text: str) -> None:
        if not text.startswith("SIP/2.0 "):
            self._request(text)
            return
        status = int(text[8:11])
        call_id = header(text, "Call-ID", "i")[0]
        if status < 200 or call_id not in self.open:
            return
        method = header(text, "CSeq")[0].split()[1]
        if method == "BYE":
            del self.open[call_id]
            self.ended += 1
        elif method == "INVITE" and status >= 300:
            self._ack(text, call_id, f"sip:{self.user}@{self._host}", [])
            del self.open[call_id]
            self.failed += 1
            self.first_failure = self.first_failure or text.partition("\r\n")[0]
        elif method == "INVITE":
            self._answered(text, call_id)

    def _request(self, text: str) -> None:
        call_id = header(text, "Call-ID", "i")[0]
        if not text.startswith("ACK"):
            body = SDP.format(port=30000) if text.startswith("INVITE") else ""
            self.sock.sendto(reply(text, "200 OK", "uac", f"127.0.0.1:{self.port}", body), self.target)
        elif self.routed and call_id in self.open and call_id in self.dialogs:
            self._hang_up(call_id)

    def _hang_up(self, call_id: str) -> None:
        self.setups.append(time.perf_counter() - self.open[call_id])
        contact, to, routes = self.dialogs.pop(call_id)
        self._send("BYE", call_id, 2, contact, to, routes)

    def _answered(self, text: str, call_id: str) -> None:
        contact = re.search(r"<([^>]*)>", header(text, "Contact", "m")[0])
        assert contact
        routes = [part.strip() for value in header(text, "Record-Route") for part in value.split(",")][::-1]
        to = header(text, "To", "t")[0]
        self._send("ACK", call_id, 1, contact[1], to, routes)
        if call_id in self.answered:
            return
        self.answered.add(call_id)
        self.dialogs[call_id] = (contact[1], to, routes)
        if not self.routed:
            self._hang_up(call_id)

    def _ack(self, text: str, call_id: str, uri: str, routes: list[str]) -> None:
        self._send("ACK", call_id, 1, uri, header(text, "To", "t")[0], routes)

    def _send(
        self, method: str, call_id: str, cseq: int, uri: str, to: str, routes: list[str], body: str = ""
    ) -> None:
        branch = f"z9hG4bK{call_id}{method if method != 'ACK' or to else 'INVITE'}"
        lines = [f"{method} {uri} SIP/2.0", f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch={branch};rport"]
        lines += [f"Route: {route}" for route in routes]
        lines += [
            "Max-Forwards: 70",
            f"From: <sip:+12025550100@127.0.0.1:{self.port}>;tag=f{call_id}",
            f"To: {to or f'<sip:{self.user}@{self._host}>'}",
            f"Call-ID: {call_id}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:bench@127.0.0.1:{self.port}>",
        ]
        if body:
            lines += ["Content-Type: application/sdp"]
        lines += [f"Content-Length: {len(body)}", "", body]
        self.sock.sendto("\r\n".join(lines).encode(), self.target)


def call(
    host: str, port: int, user: str, calls: int, rate: float, routed: bool = False
) -> dict[str, float | str]:
    """Make `calls` calls at `rate` a second; return what came of them."""
    caller = Caller((host, port), user, routed=routed)
    began = time.perf_counter()
    made = 0
    while made < calls or caller.open:
        due = min(calls, int((time.perf_counter() - began) * rate) + 1)
        while made < due:
            caller.invite(made)
            made += 1
        caller.drain()
        caller.expire()
        time.sleep(0.0005)
    setups = sorted(caller.setups) or [0.0]
    return {
        "calls": caller.ended,
        "failed": caller.failed,
        "first_failure": caller.first_failure,
        "seconds": round(time.perf_counter() - began, 3),
        "setup_p50_ms": round(setups[len(setups) // 2] * 1000, 2),
        "setup_p99_ms": round(setups[int(len(setups) * 0.99)] * 1000, 2),
    }


def _socket(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
    sock.bind(("127.0.0.1", port))
    if port == 0:
        sock.setblocking(False)
    return sock


def main(arguments: list[str]) -> None:
    """See the module's text."""
    if arguments[:1] == ["uas"]:
        serve(int(arguments[1]))
    else:
        host, _, port = arguments[1].partition(":")
        calls, rate = int(arguments[3]), float(arguments[4])
        print(json.dumps(call(host, int(port), arguments[2], calls, rate, "routed" in arguments)))


if __name__ == "__main__":
    main(sys.argv[1:])
