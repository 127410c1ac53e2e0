"""Call details for the request queue: the router must know when a caller who waits has gone."""

from ringback.contracts.events import CallEvent
from ringback.contracts.routing import CallDetails
from ringback.runtime.context import Context
from ringback.runtime.link import LinkClient, LinkError, LinkUnavailable


class CallDetailsLink:
    """The link to rq; a queue that is away is told nothing: the call's events reach it as well."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._link = LinkClient(ctx, "rq", "link", connection="voice-25")
        self._waiting: set[str] = set()

    async def start(self) -> None:
        await self._link.start()

    @property
    def connected(self) -> bool:
        return self._link.connected

    def event(self, event: CallEvent) -> None:
        """Tell of the end of a call that has waited. Nobody asks for an answer: it would wake this node."""
        if event.id == "EventRouteRequest":
            self._waiting.add(event.conn_id)
        elif event.id == "EventCallDeleted" and event.conn_id in self._waiting:
            self._waiting.discard(event.conn_id)
            self._send(event)

    def _send(self, event: CallEvent) -> None:
        details = CallDetails(
            tenant=event.tenant,
            conn_id=event.conn_id,
            state="gone",
            ani=event.ani,
            dnis=event.dnis,
        )
        try:
            self._link.notify("call_details", details)
        except LinkUnavailable:
            self._ctx.spawn(self._call(details), "call-details")

    async def _call(self, details: CallDetails) -> None:
        """Once more, when the link may be there again."""
        try:
            await self._link.call("call_details", details)
        except (LinkError, LinkUnavailable) as error:
            self._ctx.log.info("call_details_not_told", conn_id=details.conn_id, error=str(error))
