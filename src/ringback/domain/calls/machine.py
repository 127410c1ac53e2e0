"""The bench that the rules of a call work on: its data, the moment, and the outputs so far."""

from collections.abc import Iterator

from ringback.domain.calls import sdp_text
from ringback.domain.calls.legs import HANG_UP, Exit
from ringback.domain.calls.outputs import (
    Ack,
    Answer,
    AnswerOffer,
    AskDialplan,
    Bye,
    Cancel,
    Event,
    Invite,
    Output,
    Provisional,
    SendOffer,
)
from ringback.domain.calls.state import CallData, Leg
from ringback.domain.calls.types import CallType, DNRole, LegRole, LegState, Phase, Reoffer, Slot

ASK_S = 5.0
"""How long the dial plan may take before the number counts as unreachable."""


def session_id(data: CallData) -> int:
    """The session id in all that the call says (RFC 8866 5.2)."""
    return int(data.conn_id, 16) & 0x7FFFFFFF


class Machine:
    """Changes the data of one call and collects what has to be done."""

    def __init__(self, data: CallData, now: float) -> None:
        self.data = data
        self.now = now
        self.out: list[Output] = []
        self.reason = ""
        """Why the other end hung up in this step (RFC 3326)."""

    # Looking

    def leg(self, leg_id: str) -> Leg | None:
        return self.data.legs.get(leg_id)

    def at(self, slot: Slot) -> Leg | None:
        """The leg that stands in the slot now."""
        return self.data.legs.get(self.data.slots.get(slot, ""))

    def partner(self, leg: Leg) -> Leg | None:
        """The leg that this one is connected to now."""
        if leg.peer:
            return self.leg(leg.peer)
        return next((other for other in self.data.legs.values() if other.peer == leg.id), None)

    @property
    def origin(self) -> Leg:
        """The first party; only asked for when there is one."""
        return self.data.legs[self.data.slots[Slot.ORIGIN]]

    @property
    def ended(self) -> bool:
        return self.data.phase is Phase.ENDED

    @property
    def customer(self) -> str:
        """The number of the outside party."""
        parties = self.data.parties
        return parties.dnis if self.data.call_type is CallType.OUTBOUND else parties.ani

    def living(self) -> Iterator[Leg]:
        return (leg for leg in self.data.legs.values() if leg.state is not LegState.ENDED)

    # Saying

    def emit(self, name: str, **attributes: object) -> None:
        """Add an event; the attributes common to all events of the call are filled in."""
        data = self.data
        data.sequence += 1
        common = {"conn_id": data.conn_id, "call_type": data.call_type}
        self.out.append(
            Event(
                name=name,
                call_uuid=data.call_uuid,
                thread_id=data.thread_id,
                tenant=data.tenant,
                sequence=data.sequence,
                time=self.now,
                ani=data.parties.ani,
                dnis=data.parties.dnis,
                **(common | attributes),  # type: ignore[arg-type]
            )
        )

    def ask(self, purpose: str, number: str, origin: str) -> None:
        """Ask the dial plan; the answer comes back as `Resolved` for that purpose."""
        ask = self.next_name("ask")
        self.data.asks[ask] = purpose
        self.set_timer("ask", ASK_S)
        trunk = self.data.make_trunk if purpose == "dial" else ""
        self.out.append(AskDialplan(ask, number, self.data.parties.ani, origin, trunk))

    def forget_asks(self, purpose: str) -> None:
        self.data.asks = {ask: wanted for ask, wanted in self.data.asks.items() if wanted != purpose}

    # Time

    def set_timer(self, name: str, delay_s: float) -> None:
        self.data.timers[name] = self.now + delay_s

    def clear_timer(self, name: str) -> None:
        self.data.timers.pop(name, None)

    # Legs

    def next_name(self, prefix: str) -> str:
        """A name that nothing else in this call has."""
        self.data.counter += 1
        return f"{prefix}{self.data.counter}"

    def add_leg(self, slot: Slot, role: LegRole, dn: str = "", leg_id: str = "") -> Leg:
        state = LegState.OFFERED if leg_id else LegState.INVITING
        leg = Leg(leg_id or self.next_name(slot.value), slot, role, state, dn=dn, incoming=bool(leg_id))
        if slot is Slot.ORIGIN:
            leg.dn_role = DNRole.ORIGINATION
        self.data.legs[leg.id] = leg
        self.data.slots[slot] = leg.id
        return leg

    def describe(self, leg: Leg, sdp: str, *, answers: bool = False) -> str:
        """What we say on this leg: the text with our origin line; a new version only when it changed. Its
        streams are those of the offer that it answers, or of what was said before.
        """
        sdp = sdp_text.fitted(sdp, leg.remote_sdp if answers else leg.local_sdp, answers=answers)
        if leg.local_sdp is None or self._with_origin(leg, sdp) != leg.local_sdp:
            leg.sdp_version += 1
            leg.local_sdp = self._with_origin(leg, sdp)
        return leg.local_sdp

    def knows(self, leg: Leg, sdp: str) -> bool:
        """Whether the other end of the leg has been told this description last."""
        if leg.local_sdp is None:
            return False
        sdp = sdp_text.fitted(sdp, leg.local_sdp, answers=False)
        return self._with_origin(leg, sdp) == leg.local_sdp

    def _with_origin(self, leg: Leg, sdp: str) -> str:
        return sdp_text.with_origin(sdp, leg.sdp_session or session_id(self.data), leg.sdp_version)

    def invite(self, leg: Leg, target: str, sdp: str | None, caller: str = "") -> None:
        text = None if sdp is None else self.describe(leg, sdp)
        leg.caller, leg.target = caller, target
        if leg.role is LegRole.EXTERNAL:
            leg.caller_name = self.data.make_caller_name
        self.out.append(Invite(leg.id, leg.role, target, text, caller))

    def ring(self, leg: Leg) -> None:
        self.out.append(Provisional(leg.id, 180))

    def accept(self, leg: Leg, sdp: str) -> None:
        """200 to the first INVITE of a leg."""
        leg.state = LegState.UP
        offered = leg.remote_sdp is not None
        self.out.append(Answer(leg.id, 200, self.describe(leg, sdp, answers=offered)))

    def acknowledge(self, leg: Leg, sdp: str) -> None:
        """The ACK that owes the answer."""
        leg.state = LegState.UP
        self.out.append(Ack(leg.id, self.describe(leg, sdp, answers=True)))

    def refuse_offer(self, leg: Leg, offer: str) -> None:
        """The ACK that declines every stream of the offer in their 200."""
        self.out.append(Ack(leg.id, self.describe(leg, sdp_text.refuse(offer))))

    def offer(self, leg: Leg, sdp: str, why: Reoffer) -> None:
        leg.reoffer = why
        self.out.append(SendOffer(leg.id, self.describe(leg, sdp)))

    def answer_offer(self, leg: Leg, status: int, sdp: str | None = None) -> None:
        leg.offering = False
        self.forget_put_off(leg)
        text = None if sdp is None else self.describe(leg, sdp, answers=not leg.owed)
        self.out.append(AnswerOffer(leg.id, status, text))

    def forget_put_off(self, leg: Leg) -> None:
        """The offer of this leg waits no longer."""
        if leg.id in self.data.put_off:
            del self.data.put_off[leg.id]
            self.clear_timer(f"offer:{leg.id}")

    def hang_up(self, leg: Leg, cause: int = 0, status: int = 480) -> None:
        """End the leg in the way that its state asks for; `status` answers an INVITE not yet answered."""
        step = HANG_UP.get(leg.state)
        if step is None:
            return
        self.drop_offers(leg)
        leg.state, way = step
        self._leave(leg, way, cause, status)

    def drop_offers(self, leg: Leg) -> None:
        """The leg is going: nobody may be left waiting for an answer to a re-INVITE on it or through it."""
        if leg.offering:
            self.answer_offer(leg, 487)
        source, leg.pass_to, leg.reoffer = self.leg(leg.pass_to), "", None
        if source is not None and source.offering:
            self.answer_offer(source, 491)
        for name in [name for name in self.data.timers if name.startswith(f"retry:{leg.id}:")]:
            del self.data.timers[name]

    def _leave(self, leg: Leg, way: Exit, cause: int, status: int) -> None:
        if way is Exit.REJECT:
            self.out.append(Answer(leg.id, status))
        elif way is Exit.CANCEL:
            self.out.append(Cancel(leg.id, cause, self.reason))
        else:
            if way is Exit.REFUSE_AND_BYE:
                self.refuse_offer(leg, leg.remote_sdp or "")
            self.out.append(Bye(leg.id, cause, self.reason))

    def vacate(self, slot: Slot, cause: int = 0) -> None:
        """Empty the slot; its leg is hung up. A leg without a slot is always on its way out."""
        leg = self.at(slot)
        if leg is None:
            return
        del self.data.slots[slot]
        self.unpair(leg)
        self.hang_up(leg, cause)

    def unpair(self, leg: Leg) -> None:
        """Nobody is connected to the leg any more."""
        leg.peer = ""
        for other in self.data.legs.values():
            if other.peer == leg.id:
                other.peer = ""
