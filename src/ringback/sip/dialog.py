"""Dialogs (RFC 3261 12): identity, route set, sequence numbers, requests inside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ringback.sip.errors import DialogError
from ringback.sip.message import CSeq, Message, Request, Response
from ringback.sip.transport import TRANSPORTS, WEB, Destination
from ringback.sip.uri import NameAddr, SipUri, split_commas

DialogId = tuple[str, str, str]
"""Call-ID, local tag, remote tag."""

_REFRESHES = frozenset({"INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER"})


@dataclass(slots=True)
class Dialog:
    """One peer-to-peer relation. `local` and `remote` are the From and To values with their tags."""

    call_id: str
    local: str
    remote: str
    local_tag: str
    remote_tag: str
    target: str
    """The remote target: the URI of the peer's Contact."""
    route_set: list[str] = field(default_factory=list)
    local_cseq: int = 0
    remote_cseq: int | None = None
    confirmed: bool = False

    @classmethod
    def from_response(cls, request: Request, response: Response) -> Dialog:
        """The UAC's dialog from a 101-299 response (12.1.2). Raises DialogError if it makes none."""
        contact = response.contact or request.contact
        tag = response.to_tag
        if contact is None or tag is None:
            raise DialogError("the response makes no dialog", 400)
        return cls(
            call_id=request.call_id,
            local=request.get("From") or "",
            remote=response.get("To") or "",
            local_tag=request.from_tag or "",
            remote_tag=tag,
            target=str(contact.uri),
            route_set=response.values("Record-Route")[::-1],
            local_cseq=request.cseq.number,
            confirmed=response.is_success,
        )

    @classmethod
    def from_request(cls, request: Request, to_tag: str, *, confirmed: bool = False) -> Dialog:
        """The UAS's dialog from the request that it answers with `to_tag` (12.1.1).

        Raises DialogError (400) if the request has no Contact.
        """
        contact = request.contact
        if contact is None:
            raise DialogError("no Contact", 400)
        return cls(
            call_id=request.call_id,
            local=str(request.to.with_tag(to_tag)),
            remote=request.get("From") or "",
            local_tag=to_tag,
            remote_tag=request.from_tag or "",
            target=str(contact.uri),
            route_set=request.values("Record-Route"),
            remote_cseq=request.cseq.number,
            confirmed=confirmed,
        )

    @property
    def id(self) -> DialogId:
        """Call-ID, local tag, remote tag."""
        return (self.call_id, self.local_tag, self.remote_tag)

    def confirm(self, response: Response) -> None:
        """UAC: the 2xx fixes the route set and the target (13.2.2.4)."""
        self.confirmed = True
        self.route_set = response.values("Record-Route")[::-1]
        self.refresh(response)

    def refresh(self, message: Message) -> None:
        """Take a new remote target from a target refresh request or its 2xx (12.2.1.2, 12.2.2)."""
        contact = message.contact
        if contact is not None:
            self.target = str(contact.uri)

    def receive(self, request: Request) -> None:
        """Check a request of the peer and note its sequence number and target (12.2.2).

        Raises DialogError: 481 if it is not of this dialog, 500 if its CSeq is not higher than the last.
        """
        if id_of_request(request) != self.id:
            raise DialogError("not this dialog", 481)
        number = request.cseq.number
        if request.method in ("ACK", "CANCEL"):
            return
        if self.remote_cseq is not None and number <= self.remote_cseq:
            raise DialogError("CSeq out of order", 500)
        self.remote_cseq = number
        if request.method in _REFRESHES:
            self.refresh(request)

    def request(
        self,
        method: str,
        *,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str = "application/sdp",
        contact: NameAddr | None = None,
    ) -> Request:
        """A request inside the dialog with the next sequence number (12.2.1.1); give ACK through `ack`."""
        self.local_cseq += 1
        built = self._build(method, self.local_cseq)
        if contact is not None:
            built.add("Contact", contact)
        for name, value in headers:
            built.add(name, value)
        built.set_body(body, content_type)
        return built

    def ack(self, cseq: int, *, body: bytes = b"", content_type: str = "application/sdp") -> Request:
        """The ACK of the 2xx to the INVITE with this sequence number (13.2.2.4)."""
        built = self._build("ACK", cseq)
        built.set_body(body, content_type)
        return built

    def _build(self, method: str, cseq: int) -> Request:
        target, routes = self.target, self.route_set
        if routes and "lr" not in NameAddr.parse(routes[0]).uri.params:
            # A strict router wants itself in the Request-URI and the target last (12.2.1.1).
            target = str(NameAddr.parse(routes[0]).uri.without_headers())
            routes = [*routes[1:], f"<{self.target}>"]
        request = Request(method, target)
        request.headers = [("Route", route) for route in routes]
        request.headers += [
            ("Max-Forwards", "70"),
            ("From", self.local),
            ("To", self.remote),
            ("Call-ID", self.call_id),
            ("CSeq", str(CSeq(cseq, method))),
        ]
        return request

    @property
    def next_hop(self) -> SipUri:
        """The URI of the first route, or the remote target."""
        return NameAddr.parse(self.route_set[0]).uri if self.route_set else SipUri.parse(self.target)

    @property
    def destination(self) -> Destination:
        """Where requests of this dialog are sent."""
        return destination_of(self.next_hop)

    def to_dict(self) -> dict[str, Any]:
        """A snapshot of JSON types."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_dict(cls, snapshot: dict[str, Any]) -> Dialog:
        """The dialog of a snapshot."""
        return cls(**snapshot)


def destination_of(uri: SipUri) -> Destination:
    """Where a request for this URI goes, without DNS: `sips` by TLS (RFC 5630 3.1.1), unknown ways by TCP."""
    host, port = uri.address
    transport = uri.transport
    if uri.scheme == "sips":
        transport = "wss" if transport in WEB else "tls"
    if transport == "tls" and uri.port is None:
        port = 5061
    return Destination(transport if transport in TRANSPORTS else "tcp", host, port)


def next_hop_of(request: Request) -> SipUri:
    """The URI that decides where a request goes: the top Route, or the Request-URI (8.1.2)."""
    top = request.get("Route")
    return NameAddr.parse(split_commas(top)[0]).uri if top is not None else request.uri


def id_of_request(request: Request) -> DialogId:
    """The dialog id of a request that was received."""
    return (request.call_id, request.to_tag or "", request.from_tag or "")
