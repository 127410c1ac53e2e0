"""Wiring of call state."""

from ringback.runtime.context import Context
from ringback.runtime.service import Service
from ringback.services.call_state.consumers import CallEvents
from ringback.services.call_state.http import CallStateHttp
from ringback.services.call_state.settings import CallStateSettings
from ringback.services.call_state.store import RecordStore


class CallStateService(Service):
    """HTTP 11900, and a reader of the call events."""

    name = "call_state"
    settings_type = CallStateSettings

    def __init__(self, ctx: Context, settings: CallStateSettings) -> None:
        super().__init__(ctx, settings)
        store = RecordStore(ctx.valkey.using("voice-42"), settings.keep_s)
        self.events = CallEvents(ctx, settings, store)
        self._http = CallStateHttp(ctx, settings, store)

    async def start(self) -> None:
        """Read events, answer questions."""
        self.events.start()
        await self._http.server.start()

    async def stop(self) -> None:
        """Close the listener."""
        await self._http.server.stop()
