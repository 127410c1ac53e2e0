"""One call at the media server: its dialog, its RTP port, and the treatment that runs on it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from ringback.contracts.applications import CallData
from ringback.contracts.treatment import (
    CONTENT_TYPE,
    HEADER,
    TAKEN,
    Collect,
    Command,
    Conference,
    Detect,
    Dtmf,
    Heard,
    Music,
    Play,
    Record,
    Stop,
    TreatmentEnded,
    decode_command,
    of_header,
)
from ringback.media.player import Player
from ringback.media.port import RtpPort
from ringback.media.prompts import UnknownPromptError
from ringback.media.session import AudioReceived, DigitReceived, MediaEvent, PlaybackEnded
from ringback.services.media.detection import DetectTreatment
from ringback.services.media.negotiation import AudioEnd
from ringback.services.media.presses import Presses
from ringback.services.media.treatments import (
    Action,
    CollectTreatment,
    ConferenceTreatment,
    Deposit,
    End,
    MusicTreatment,
    PlayTreatment,
    RecordTreatment,
    Say,
    SilentTreatment,
    Sit,
    Treatment,
)
from ringback.sip.build import response_to
from ringback.sip.dialog import Dialog
from ringback.sip.errors import DialogError, SdpError
from ringback.sip.exchange import ClientTransaction, ServerTransaction
from ringback.sip.message import Request, Response

if TYPE_CHECKING:
    from ringback.services.media.calls import MediaCalls

ALLOW = "ACK, BYE, CANCEL, INFO, INVITE, OPTIONS"
_WARNING = "399 ringback"


class MediaLeg:
    """A user agent server of one call; runs without a task of its own."""

    def __init__(self, calls: MediaCalls, tx: ServerTransaction, port: RtpPort) -> None:
        """Takes the port over. Raises DialogError for an INVITE without a Contact."""
        request = tx.request
        self._calls = calls
        self._loop = asyncio.get_running_loop()
        self.dialog = Dialog.from_request(request, tx.to_tag, confirmed=True)
        self.port = port
        port.on_event = self._media_event
        self.tenant = request.get("X-Ringback-Tenant") or calls.default_tenant
        self.conn_id = request.get("X-Ringback-Conn-Id") or request.call_id
        self.caller = request.from_.uri.number
        self.data: CallData | None = None
        self.closed = False
        self.heard_at = self._loop.time()
        """When the peer last gave a sign of life by SIP."""
        self._data_asked = False
        self._audio = AudioEnd(port, str(calls.endpoint.ids.number()))
        self._contact = str(calls.endpoint.contact(tx.source))
        self._treatment: Treatment = SilentTreatment("")
        self._begun: Command | None = None
        """The command that runs, or ran last."""
        self._first = self._first_of(request)
        """What begins when our 200 is acknowledged."""
        self._player: Player | None = None
        self._presses = Presses()
        self._timer: asyncio.TimerHandle | None = None

    # SIP

    def answer(self, tx: ServerTransaction) -> bool:
        """Answer an INVITE or re-INVITE; False when it had to be refused with 488."""
        try:
            body = self._audio.answer(tx.request.body) if tx.request.body else self._audio.offer()
        except SdpError as error:
            tx.reply(488, headers=[("Warning", f'{_WARNING} "{error}"')])
            return False
        headers = [("Contact", self._contact), ("Allow", ALLOW)]
        if self._first is not None:
            headers.append((HEADER, TAKEN))
        response = response_to(tx.request, 200, to_tag=tx.to_tag, headers=headers, body=body)
        tx.accept(response).add_done_callback(self._acknowledged)
        return True

    def _acknowledged(self, ack: asyncio.Future[Request | None]) -> None:
        if ack.cancelled() or self.closed:
            return
        request = ack.result()
        if request is None:
            self.hang_up()
        elif request.body:
            try:
                self._audio.accept(request.body)
            except SdpError:
                self.hang_up()
        if self._first is not None and not self.closed:
            self._carry_out(*self._first)

    def received(self, tx: ServerTransaction, request: Request) -> None:
        """Take a request inside the dialog."""
        try:
            self.dialog.receive(request)
        except DialogError as error:
            tx.reply(error.status)
            return
        self.heard_at = self._loop.time()
        if request.method == "INVITE":
            self.answer(tx)
        elif request.method == "INFO":
            self._commanded(tx, request)
        elif request.method == "BYE":
            tx.reply(200)
            self.close()
        else:
            tx.reply(200 if request.method == "OPTIONS" else 405, headers=[("Allow", ALLOW)])

    def _commanded(self, tx: ServerTransaction, request: Request) -> None:
        if request.content_type != CONTENT_TYPE:
            tx.reply(415, headers=[("Accept", CONTENT_TYPE)])
            return
        try:
            command = decode_command(request.body)
            treatment = self._treatment_of(command)
        except (msgspec.DecodeError, UnknownPromptError, ValueError) as error:
            self._calls.ctx.log.info("command_refused", conn_id=self.conn_id, error=str(error))
            tx.reply(400, headers=[("Warning", f'{_WARNING} "{type(error).__name__}"')])
            return
        tx.reply(200)
        if isinstance(command, Heard):
            self._calls.counted(command)
            self._pressed_by_sip(command.digits)
        else:
            self._carry_out(command, treatment)

    def _pressed_by_sip(self, keys: str) -> None:
        """As by RTP, where a caller who is held is not heard either."""
        for key in keys if self.port.session.receiving else "":
            self._pressed(key, by_sip=True)

    def _pressed(self, key: str, *, by_sip: bool = False) -> None:
        treatment, now = self._treatment, self._loop.time()
        if self._presses.is_new(key, now, by_sip=by_sip):
            self._act(treatment, treatment.digit(key, now))

    def _first_of(self, request: Request) -> tuple[Command, Treatment | None] | None:
        """The command that came with the INVITE, when it can be carried out; else it will come by INFO."""
        text = request.get(HEADER)
        if text is None:
            return None
        try:
            command = of_header(text)
            return command, self._treatment_of(command)
        except (msgspec.DecodeError, UnknownPromptError, ValueError) as error:
            self._calls.ctx.log.info("command_refused", conn_id=self.conn_id, error=str(error))
            return None

    def _carry_out(self, command: Command, treatment: Treatment | None) -> None:
        """Begin; the same command come again, from a node that took the call over, changes nothing."""
        self._first = None
        if command.reference and command == self._begun and command.reference == self._treatment.reference:
            return
        if not isinstance(command, Dtmf):
            self._begun = command
        self._calls.counted(command)
        if treatment is not None:
            self._begin(treatment)
        elif isinstance(command, Record):
            self._ask_for_data()
            self._interrupt()
            self._treatment = SilentTreatment(command.reference)
            self._calls.ctx.spawn(self._greet(command, self._treatment), "greeting")

    def hang_up(self) -> ClientTransaction | None:
        """End the call from this side; returns the BYE."""
        if self.closed:
            return None
        request = self.dialog.request("BYE")
        bye = self._calls.endpoint.send_request(request, self.dialog.destination)
        self.close()
        return bye

    def ask_for_life(self) -> None:
        """Send OPTIONS; a peer that does not know the call, or is silent, ends it (RFC 3261 12.2.1.2)."""
        self.heard_at = self._loop.time()
        request = self.dialog.request("OPTIONS")
        self._calls.endpoint.send_request(request, self.dialog.destination, on_response=self._told)

    def _told(self, response: Response) -> None:
        if response.status in (408, 481) and not self.closed:
            self._calls.ctx.log.warning("peer_gone", conn_id=self.conn_id, status=response.status)
            self.close()

    def close(self) -> None:
        """Free everything; what was recorded is deposited."""
        if self.closed:
            return
        self.closed = True
        self._disarm()
        self.port.close()
        self._calls.remove(self)
        self._deposit_all(self._treatment)

    # Treatments

    def _treatment_of(self, command: Command) -> Treatment | None:
        """The treatment of a command; None for a recording, which needs the greeting first, and for keys."""
        match command:
            case Play():
                return PlayTreatment(command)
            case Music():
                return MusicTreatment(command.reference)
            case Collect():
                return CollectTreatment(command, self._loop.time())
            case Detect():
                return DetectTreatment(command, self._loop.time())
            case Stop():
                return SilentTreatment(command.reference)
            case Conference():
                return ConferenceTreatment(command.reference, self._calls.rooms.enter(command.room))
            case Dtmf():
                self.port.session.send_dtmf(command.digits)
                return None
            case Record() | Heard():
                return None

    def _begin(self, treatment: Treatment) -> None:
        self._interrupt()
        self._treatment = treatment
        self._act(treatment, treatment.begin(self._loop.time()))

    def _interrupt(self) -> None:
        """What runs is over because something else begins."""
        treatment, self._treatment = self._treatment, SilentTreatment("")
        self._deposit_all(treatment)
        self._say(Say(()))
        self._report(treatment.reference, End("interrupted"))

    async def _greet(self, command: Record, waiting: Treatment) -> None:
        greeting = await self._calls.voicemail.greeting(self.tenant, command.mailbox)
        if self.closed or self._treatment is not waiting:
            return
        if greeting is None:
            self._ended(waiting, End("error"))
        else:
            self._treatment = RecordTreatment(command, greeting)
            self._act(self._treatment, self._treatment.begin(self._loop.time()))

    def _media_event(self, event: MediaEvent) -> None:
        """Take an event of the RTP port."""
        treatment, now = self._treatment, self._loop.time()
        match event:
            case AudioReceived():
                if actions := treatment.audio(event):
                    self._act(treatment, actions)
            case DigitReceived(digit, _):
                self._pressed(digit)
            case PlaybackEnded(source):
                if source is self._player:
                    self._act(treatment, treatment.played(now))

    def _act(self, treatment: Treatment, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Say():
                    self._say(action)
                case Deposit():
                    self._deposit(action, treatment)
                case End():
                    self._ended(treatment, action)
                case Sit():
                    self.port.session.play(action.seat)
        self._arm()

    def _say(self, say: Say) -> None:
        self._player = Player.of(say.names, loop=say.loop) if say.names else None
        self.port.session.play(self._player)

    def _ended(self, treatment: Treatment, end: End) -> None:
        following = MusicTreatment("") if treatment.then_music else SilentTreatment("")
        self._treatment = following
        self._act(following, following.begin(self._loop.time()))
        self._report(treatment.reference, end)

    def _report(self, reference: str, end: End) -> None:
        if not reference or self.closed:
            return
        event = TreatmentEnded(reference=reference, reason=end.reason, digits=end.digits, heard=end.heard)
        request = self.dialog.request("INFO", body=msgspec.json.encode(event), content_type=CONTENT_TYPE)
        self._calls.endpoint.send_request(request, self.dialog.destination, on_response=self._told)

    def _deposit(self, deposit: Deposit, treatment: Treatment) -> None:
        def done(kept: bool) -> None:
            if not self.closed and self._treatment is treatment:
                self._act(treatment, treatment.deposited(kept=kept))

        self._calls.deposit(self.tenant, deposit, self._from_number(), self.conn_id, done)

    def _deposit_all(self, treatment: Treatment) -> None:
        for action in treatment.hang_up():
            if isinstance(action, Deposit):
                self._deposit(action, treatment)

    def _from_number(self) -> str:
        return (self.data.ani if self.data is not None else "") or self.caller

    def _ask_for_data(self) -> None:
        """For a message, which says who called; other treatments need to know nothing of the call."""
        if not self._data_asked:
            self._data_asked = True
            self._calls.ctx.spawn(self._get_data(), "call-data")

    async def _get_data(self) -> None:
        self.data = await self._calls.call_data.of(self.conn_id)

    # Time

    def _arm(self) -> None:
        self._disarm()
        due = None if self.closed else self._treatment.timer
        if due is not None:
            self._timer = self._loop.call_at(due, self._timer_fired)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _timer_fired(self) -> None:
        self._timer = None
        self._act(self._treatment, self._treatment.handle_timer(self._loop.time()))
