"""One call of a scripted phone, as a script sees it: reads like what a person does with a telephone."""

from __future__ import annotations

from ringback.media.player import AudioSource, Player
from ringback.media.rtp import ReceptionStatistics
from ringback.media.tone import ToneSource
from ringback.sip.message import Request
from ringback.testing.phone_signalling import CallFailedError, CallSignalling, CallState


class Call(CallSignalling):
    """A call in or out. Times are seconds; a wait that times out says in its error what was missing."""

    _spoken: AudioSource | None = None
    """What was being said when the call was put on hold."""

    # What a script does

    def ring(self) -> None:
        """Say 180 Ringing to a call that comes in."""
        if self._server is not None and self.state is CallState.CALLING:
            self._server.reply(180, headers=[("Contact", str(self._contact()))])
            self._become(CallState.RINGING)

    async def answer(self, timeout: float = 10.0) -> None:
        """Answer a call that comes in and wait for the caller's ACK. Raises TimeoutError, CallFailedError."""
        self.pick_up()
        done = (CallState.ANSWERED, CallState.ENDED)
        await self._until(lambda: self.state in done, timeout, "the ACK")
        if self.state is not CallState.ANSWERED:
            raise CallFailedError(self.status, self.reason)

    def pick_up_after(self, seconds: float) -> None:
        """Answer after *seconds*, if the call is still there then."""
        if seconds <= 0:
            self._pick_up_if_ringing()
        else:
            self._loop.call_later(seconds, self._pick_up_if_ringing)

    def _pick_up_if_ringing(self) -> None:
        if self.state is not CallState.ENDED:
            self.pick_up()

    def reject(self, status: int = 486) -> None:
        """Refuse a call that comes in."""
        if self._server is not None and self._server.final is None:
            self._server.reply(status)
            self._end(status, "rejected")

    async def hangup(self, timeout: float = 10.0) -> None:
        """End the call, whatever its state: BYE, CANCEL, or a refusal. Ending twice is no error."""
        if self.state is CallState.ENDED:
            return
        if self._server is not None and self._server.final is None:
            self.reject(480)
        elif self.state is CallState.ANSWERED:
            await self._bye(timeout)
        elif self._invite is not None:
            self._invite.cancel()
            await self._until(lambda: self.state is CallState.ENDED, timeout, "the end after CANCEL")
        else:
            await self._bye(timeout)

    async def hold(self, timeout: float = 10.0) -> None:
        """Hold the peer: it hears nothing of us and we hear nothing of it. Raises CallFailedError."""
        if self.audio.wanted == "sendrecv":
            self._spoken, self.port.session.source = self.port.session.source, None
        await self._reinvite("sendonly", timeout)

    async def retrieve(self, timeout: float = 10.0) -> None:
        """Take the peer off hold; what was spoken before goes on. Raises CallFailedError."""
        await self._reinvite("sendrecv", timeout)
        if self.port.session.source is None:
            self.port.session.play(self._spoken)

    async def refer(self, target: str, timeout: float = 10.0) -> int:
        """Ask the peer to call *target* instead (RFC 3515); returns the status of the REFER."""
        uri = target if target.startswith("sip:") else f"sip:{target}@{self._agent.domain}"
        headers = [
            ("Refer-To", f"<{uri}>"),
            ("Referred-By", f"<sip:{self._agent.user}@{self._agent.domain}>"),
        ]
        return (await self._send("REFER", timeout, headers=headers)).status

    async def info(self, body: bytes, content_type: str, timeout: float = 10.0) -> int:
        """Send INFO with a body; returns the status."""
        return (await self._send("INFO", timeout, body=body, content_type=content_type)).status

    def send_dtmf(self, digits: str) -> None:
        """Press keys (RFC 4733). Raises ValueError for what is not on the keypad."""
        self.port.session.send_dtmf(digits)

    def play_tone(self, hz: float) -> None:
        """Speak a tone until something else is played."""
        self.port.session.play(ToneSource(hz))

    def play_prompts(self, *names: str, loop: bool = False) -> None:
        """Speak recordings of the package by name."""
        self.port.session.play(Player.of(names, loop=loop))

    def play_nothing(self) -> None:
        """Be silent."""
        self.port.session.play(None)

    # What a script waits for

    async def hear_tone(self, hz: float, timeout: float = 10.0) -> float:
        """Wait for 0.2 s of a tone; returns its level in dBFS. Raises NotHeardError."""
        return await self.ear.tone(hz, timeout)

    async def hear_speech_or_music(self, timeout: float = 10.0) -> float:
        """Wait for sound that is no steady tone; returns its level in dBFS. Raises NotHeardError."""
        return await self.ear.speech_or_music(timeout)

    async def hear_silence(self, timeout: float = 10.0) -> None:
        """Wait for packets of silence. Raises NotHeardError."""
        await self.ear.silence(timeout)

    async def hear_digits(self, count: int, timeout: float = 10.0) -> str:
        """Wait for digits; returns all that came so far. Raises NotHeardError."""
        return await self.ear.wait_digits(count, timeout)

    async def wait_ringing(self, timeout: float = 10.0) -> None:
        """Wait until it rings at the far end. Raises CallFailedError, TimeoutError."""
        await self._until(lambda: self.state is not CallState.CALLING, timeout, "ringing")
        if self.state is CallState.ENDED:
            raise CallFailedError(self.status, self.reason)

    async def wait_answered(self, timeout: float = 15.0) -> None:
        """Wait until it is answered. Raises CallFailedError, TimeoutError."""
        met = (CallState.ANSWERED, CallState.ENDED)
        await self._until(lambda: self.state in met, timeout, "an answer")
        if self.state is CallState.ENDED:
            raise CallFailedError(self.status, self.reason)

    async def wait_ended(self, timeout: float = 15.0) -> int:
        """Wait until it has ended; returns the final status. Raises TimeoutError."""
        await self._until(lambda: self.state is CallState.ENDED, timeout, "the end")
        return self.status

    async def wait_request(self, method: str, *, nth: int = 1, timeout: float = 10.0) -> Request:
        """Wait for the nth request of a method inside the call, counted from its beginning; returns it."""

        def found() -> list[Request]:
            inside = self.messages[1:] if self.incoming else self.messages
            return [each for each in inside if isinstance(each, Request) and each.method == method]

        await self._until(lambda: len(found()) >= nth, timeout, f"{method} number {nth}")
        return found()[nth - 1]

    async def wait_held(self, timeout: float = 10.0) -> None:
        """Wait until the peer holds us. Raises TimeoutError."""
        await self._until(lambda: self.audio.held, timeout, "being held")

    async def wait_retrieved(self, timeout: float = 10.0) -> None:
        """Wait until the peer holds us no more. Raises TimeoutError."""
        await self._until(lambda: not self.audio.held, timeout, "being retrieved")

    # What a script may look at

    @property
    def invite(self) -> Request | None:
        """The INVITE that was received; None for a call out."""
        return self._server.request if self._server is not None else None

    @property
    def ringing_seconds(self) -> float | None:
        """How long it rang before it was answered or ended, or rings by now; None if it never rang."""
        if self.ringing_at is None:
            return None
        return (self.answered_at or self.ended_at or self._loop.time()) - self.ringing_at

    @property
    def statistics(self) -> ReceptionStatistics:
        """Packets received and lost, jitter."""
        return self.port.session.statistics

    def header(self, name: str) -> str | None:
        """The newest value of a header among all messages received."""
        values = (message.get(name) for message in reversed(self.messages))
        return next((value for value in values if value is not None), None)
