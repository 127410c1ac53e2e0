"""The lines on which a forwarding sends: what `Forwarding` needs of the proxy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from ringback.services.sip_proxy.targets import Target
from ringback.sip import Request, Response
from ringback.sip.transport import Source


class Client(Protocol):
    """A request under way to a target."""

    request: Request
    on_response: Callable[[Response], None] | None

    def cancel(self, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Send CANCEL as soon as that is allowed."""

    def forget_request(self) -> None:
        """It is needed no more."""


class Server(Protocol):
    """The request that is forwarded, towards who sent it."""

    source: Source
    cancelled: bool
    cancel_request: Request | None
    on_cancel: Callable[[], None] | None

    @property
    def to_tag(self) -> str:
        """The tag that this side gives to To."""

    def respond(self, response: Response) -> bool:
        """Send a response."""

    def reply(self, status: int) -> Response:
        """Build a response and send it."""

    def forget_request(self) -> None:
        """It is needed no more."""


class Lines(Protocol):
    """What a forwarding needs of the proxy."""

    timer_c_s: float
    fork_ring_s: float
    failover_s: float

    def send(
        self, request: Request, target: Target, branch: str, on_response: Callable[[Response], None]
    ) -> Client:
        """Send on the target's side."""

    def random(self) -> str:
        """Something unique."""

    def clean(
        self, message: Request | Response, transport: str = "", *, trusted: bool = False, toward: str = ""
    ) -> None:
        """Make a message fit to cross the edge: outwards on a transport, inwards without one."""

    def veil(self, message: Request | Response) -> None:
        """Hide the Contact of a WebRTC gateway from the browser."""

    def unreachable(self, target: Target) -> None:
        """A target did not answer."""

    def answered(self, target: Target, response: Response) -> None:
        """A response came from a target."""

    def heard(self, target: Target) -> None:
        """Something has come of an INVITE to a target, if only that it has failed."""

    def elsewhere(self, request: Request, target: Target, response: Response) -> Target | None:
        """Who is to be asked instead, when a node says that another one has the dialog."""

    def rings(self, target: Target, again: Callable[[Target], None]) -> Callable[[], None]:
        """A browser is rung; `again` is told another way to it. Gives what is called when that is over."""
