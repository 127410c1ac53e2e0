"""What travels as INFO (RFC 6086): commands to the media server, and keys to whoever takes no media."""

from collections.abc import Callable

import msgspec

from ringback.contracts import treatment
from ringback.domain.calls import inputs as i
from ringback.domain.calls import outputs as o
from ringback.domain.calls.keys import MOST
from ringback.domain.calls.state import Leg
from ringback.domain.calls.treatment import due
from ringback.domain.calls.types import LegRole, LegState, Slot
from ringback.services.sip_cluster import translate
from ringback.services.sip_cluster.driver import Driver
from ringback.services.sip_cluster.keypad import DTMF_RELAY, relayed
from ringback.services.sip_cluster.live import LiveCall, SipLeg
from ringback.sip.endpoint import SipEndpoint
from ringback.sip.message import Response


class InfoCommands:
    """Play, mix, press keys."""

    def __init__(self, endpoint: SipEndpoint, driver: Driver) -> None:
        self._endpoint = endpoint
        self._driver = driver

    def play(self, live: LiveCall, leg: SipLeg, command: o.Play) -> None:
        told = translate.command(command)
        if leg.carried is not None and leg.carried == treatment.in_header(told):
            leg.carried = None  # it came with the INVITE
        else:
            self._command_media(live, leg, told, command.reference)

    def accepted(self, live: LiveCall, leg: SipLeg, response: Response, wanted: list[o.Output]) -> None:
        """A media server has accepted; `wanted` is what the call makes of it.

        Where it has taken the command that came with the INVITE, and the call still wants that, it plays.
        """
        if leg.carried is None:
            return
        if response.get(treatment.HEADER) != treatment.TAKEN:
            leg.carried = None  # by INFO, then
            return
        plays = [output for output in wanted if isinstance(output, o.Play) and output.leg == leg.id]
        if plays and _told(plays[0]) == leg.carried:
            self._driver.feed(live, i.MediaStarted(leg.id, plays[0].reference))
            return
        leg.carried = None
        if not plays:  # nor does anything else take its place yet
            stop = msgspec.json.encode(treatment.Stop())
            self._info(leg, stop, treatment.CONTENT_TYPE, lambda _: None)

    def mix(self, live: LiveCall, leg: SipLeg, command: o.Mix) -> None:
        room = treatment.Conference(room=f"{live.tenant}:{command.room}")
        self._command_media(live, leg, room, command.reference)

    def _command_media(self, live: LiveCall, leg: SipLeg, command: treatment.Command, reference: str) -> None:
        def answered(ok: bool) -> None:
            word = i.MediaStarted if ok else i.MediaRefused
            self._driver.feed(live, word(leg.id, reference))

        self._info(leg, msgspec.json.encode(command), treatment.CONTENT_TYPE, answered)

    def send_digits(self, live: LiveCall, leg: SipLeg, command: o.SendDigits) -> None:
        """By the media server, or one INFO for each key to whoever is at the other end."""
        digits, reference = command.digits, command.reference

        def answered(ok: bool, left: str = "") -> None:
            if ok and left:
                self._press(leg, left[0], lambda taken: answered(taken, left[1:]))
            elif ok:
                self._driver.feed(live, i.DigitsSent(leg.id, reference, digits))
            else:
                self._driver.feed(live, i.DigitsRefused(leg.id, reference))

        if live.call.data.legs[leg.id].role is LegRole.MEDIA:
            body = msgspec.json.encode(treatment.Dtmf(reference=reference, digits=digits))
            self._info(leg, body, treatment.CONTENT_TYPE, answered)
        else:
            answered(True, digits)

    def _press(self, leg: SipLeg, key: str, on_answer: Callable[[bool], None]) -> None:
        self._info(leg, relayed(key), DTMF_RELAY, on_answer)

    def pass_key(self, live: LiveCall, leg: SipLeg, command: o.PassKey) -> None:
        """A key of the other party, when those before it have been taken: an INFO may overtake another."""
        if len(leg.keys) < MOST:
            leg.keys += command.key
            if len(leg.keys) == 1:
                self._pass_next(live, leg)

    def _pass_next(self, live: LiveCall, leg: SipLeg) -> None:
        def answered(_: bool) -> None:
            leg.keys = leg.keys[1:]
            if leg.keys:
                self._pass_next(live, leg)

        known = live.call.data.legs[leg.id]
        if leg.dialog is None or leg.over or known.state is not LegState.UP:
            leg.keys = ""
        elif known.role is LegRole.MEDIA:
            heard = msgspec.json.encode(treatment.Heard(digits=leg.keys[0]))
            self._info(leg, heard, treatment.CONTENT_TYPE, answered)
        else:
            self._press(leg, leg.keys[0], answered)

    def _info(self, leg: SipLeg, body: bytes, content_type: str, on_answer: Callable[[bool], None]) -> None:
        if leg.dialog is None:
            return

        def answered(response: Response) -> None:
            if not response.is_provisional:
                on_answer(response.is_success)

        request = leg.dialog.request("INFO", body=body, content_type=content_type)
        self._endpoint.send_request(request, leg.dialog.destination, on_response=answered)


def first_command(live: LiveCall, leg: Leg) -> str | None:
    """What a media server that is invited now will be told first, where that can stand in the INVITE."""
    play = due(live.call.data, leg.id) if leg.slot is Slot.MEDIA else None
    return None if play is None else _told(play)


def _told(play: o.Play) -> str | None:
    return treatment.in_header(translate.command(play))
