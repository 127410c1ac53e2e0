"""Whatever happens in whatever order: every leg is closed once and every call ends once."""

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.domain.calls import inputs as i
from ringback.domain.calls import outputs as o
from ringback.domain.calls.bridge import OTHER
from ringback.domain.calls.call import Call
from ringback.domain.calls.state import CallData
from ringback.domain.calls.types import DestinationKind, DNRole, LegState, Purpose, TreatmentType

KINDS = list(DestinationKind)
DNS = {kind: "77" if kind is DestinationKind.DN else "5000" for kind in KINDS}


def sdp(name: str, direction: str = "sendrecv") -> str:
    return f"v=0\r\no=x 1 1 IN IP4 x\r\nc=IN IP4 {name}\r\nm=audio 4000 RTP/AVP 0\r\na={direction}\r\n"


@dataclass
class FarEnd:
    """What the other end of a leg and the transport below it have seen."""

    incoming: bool = False
    answered: bool = False
    closed: bool = False
    cancelled: bool = False
    reinvited: bool = False
    """We sent a re-INVITE that it has not answered."""
    asking: bool = False
    """It sent a re-INVITE that we have not answered."""


@dataclass
class World:
    """A network that delivers any message that the SIP layer below could deliver."""

    call: Call = field(default_factory=lambda: Call(CallData("00000000000000ff", "U" * 32, "T", "demo")))
    now: float = 0.0
    ends: dict[str, FarEnd] = field(default_factory=dict)
    asks: list[str] = field(default_factory=list)
    playing: list[tuple[str, str]] = field(default_factory=list)
    living: Counter[str] = field(default_factory=Counter)
    """Calls and consultations by ConnID: created, and not deleted yet."""
    rung: Counter[str] = field(default_factory=Counter)
    let_go: Counter[str] = field(default_factory=Counter)
    counter: int = 0

    def do(self, word: i.Input) -> None:
        for output in self.call.handle(word, self.now):
            self.take(output)
        again = Call.restore(self.call.snapshot())
        assert again.data == self.call.data
        slots = set(self.call.data.slots.values())
        for leg in self.call.data.legs.values():
            loose = leg.id not in slots or self.call.data.phase == "ended"
            assert not loose or leg.state in (LegState.CANCELLING, LegState.ENDED), leg

    def take(self, output: o.Output) -> None:
        match output:
            case o.AskDialplan():
                self.asks.append(output.ask)
            case o.Invite():
                assert output.leg not in self.ends
                self.ends[output.leg] = FarEnd()
            case o.Play():
                assert self.ends[output.leg].answered
                self.playing.append((output.leg, output.reference))
            case o.Event():
                self.living[output.conn_id] += output.name == "EventCallCreated"
                self.living[output.conn_id] -= output.name == "EventCallDeleted"
                assert self.living[output.conn_id] in (0, 1)
                self.count_agents(output)
            case _:
                self.signal(output)

    def count_agents(self, event: o.Event) -> None:
        self.rung[event.this_dn] += event.name == "EventRinging"
        of_agent = event.this_role == DNRole.DESTINATION and event.this_dn in ("77", "78")
        self.let_go[event.this_dn] += event.name in ("EventReleased", "EventAbandoned") and of_agent
        # An agent who is dialled first may be connected with the same phone in this world.
        most = 2 if self.call.data.make_agent else 1
        for dn in ("77", "78"):
            assert 0 <= self.rung[dn] - self.let_go[dn] <= most, "an agent rings twice, or was let go twice"

    def signal(self, output: o.LegCommand) -> None:
        end = self.ends[output.leg]
        # A re-INVITE that waits when BYE comes still gets its 487 (RFC 3261 15.1.2).
        assert not end.closed or (isinstance(output, o.AnswerOffer) and output.status == 487), output
        match output:
            case o.Answer():
                assert end.incoming and not end.answered
                # The answer to an UPDATE comes before the 200.
                assert output.status != 200 or not (end.asking or end.reinvited)
                end.answered, end.closed = output.status == 200, output.status >= 300
            case o.Provisional():
                assert end.incoming and not end.answered
            case o.AnswerOffer():
                assert end.asking or output.status == 491
                end.asking = False
            case o.SendOffer():
                early = self.call.data.legs[output.leg].state in (LegState.OFFERED, LegState.RINGING)
                assert (end.answered or early) and not end.reinvited
                end.reinvited = True
            case o.Ack():
                assert end.answered
            case o.Cancel():
                assert not end.answered and not end.cancelled
                end.cancelled = True
            case o.Mix() | o.SendDigits() | o.PassKey():
                assert end.answered
            case o.Bye():
                assert end.answered and not end.asking
                end.closed = True

    def possible(self) -> list[i.Input]:
        """Everything that could arrive now, in a steady order."""
        words: list[i.Input] = [i.TimersDue()]
        for leg, end in self.ends.items():
            words += self.from_leg(leg, end)
        for ask in self.asks:
            words += [i.Resolved(ask, i.Destination(k, DNS[k], "to", on_no_answer="88")) for k in KINDS]
        for leg, reference in self.playing:
            words += [i.MediaStarted(leg, reference), i.MediaEnded(leg, reference)]
            words += [i.MediaRefused(leg, reference)]
        return words + self.requests()

    def requests(self) -> list[i.Input]:
        self.counter += 1
        reference = f"q{self.counter}"
        return [
            i.RequestApplyTreatment(reference, TreatmentType.MUSIC),
            i.RequestRouteCall(reference, "1001"),
            i.RequestHoldCall(reference),
            i.RequestRetrieveCall(reference),
            i.RequestReleaseCall(reference, "77"),
            *(i.RequestConsult(reference, purpose, dn, "78") for purpose in Purpose for dn in ("", "1002")),
            i.RequestComplete(reference, Purpose.TRANSFER),
            i.RequestComplete(reference, Purpose.CONFERENCE),
            i.RequestReconnectCall(reference),
            i.RequestAlternateCall(reference),
            i.RequestDeleteFromConference(reference, "77"),
            i.RequestRedirectCall(reference, "", "1003"),
            i.RequestSendDtmf(reference, "12"),
        ]

    def from_leg(self, leg: str, end: FarEnd) -> list[i.Input]:
        if end.closed:
            return []
        replacing = self.replacing(leg)
        if not end.answered:
            replacing += self.updates(leg, end)
            if end.incoming:
                return [i.HungUp(leg), *self.updates(leg, end)]
            answers: list[i.Input] = [i.Answered(leg, sdp(leg)), i.Failed(leg, 486), i.Failed(leg, 408)]
            answers += [i.Failed(leg, 503), i.Lost(leg), i.Interrupted(leg)]
            early = [i.Progress(leg, 180), i.Progress(leg, 183, sdp(leg))]
            return answers if end.cancelled else [*early, *answers, *replacing]
        words: list[i.Input] = [i.HungUp(leg), i.AckReceived(leg, sdp(leg))]
        words += [i.RefreshDue(leg), i.SessionExpired(leg), *replacing]
        words += [i.Referred(leg, f"f{self.counter}", "78"), i.KeyPressed(leg, "5")]
        if end.reinvited:
            words += [i.ReofferAnswered(leg, sdp(leg + "b")), i.ReofferFailed(leg, 491)]
            words += [i.ReofferFailed(leg, 488), i.ReofferFailed(leg, 481)]
        if not end.asking:
            words += [i.OfferReceived(leg, sdp(leg, d)) for d in ("sendrecv", "sendonly", "inactive")]
            words.append(i.OfferReceived(leg, None))
        elif leg in self.call.data.put_off:
            words.append(i.OfferWithdrawn(leg))
        return words

    def updates(self, leg: str, end: FarEnd) -> list[i.Input]:
        """UPDATE in an early dialog, both ways: the shell has looked whether the other side takes one."""
        data = self.call.data
        known, words = data.legs[leg], list[i.Input]()
        if end.reinvited:
            words += [i.ReofferAnswered(leg, sdp(leg + "b"))]
            words += [i.ReofferFailed(leg, status) for status in (491, 488, 481)]
        other = data.legs.get(data.slots.get(OTHER.get(known.slot, known.slot), ""))
        if other is None or data.slots.get(known.slot) != leg or end.asking:
            return words
        early = other.state in (LegState.OFFERED, LegState.RINGING) and other.local_sdp is not None
        if known.state in (LegState.OFFERED, LegState.RINGING) and known.local_sdp is not None:
            onward = early or (other.state is LegState.UP and other.peer == leg)
            words.append(i.OfferReceived(leg, sdp(leg + "c"), onward and other is not known))
        return words

    def replacing(self, leg: str) -> list[i.Input]:
        """Another telephone asks for the place of one that talks or rings: the shell has looked so far."""
        known = self.call.data.legs[leg]
        stands = known.state in (LegState.UP, LegState.RINGING) and self.call.data.phase != "ended"
        if not stands or known.role == "media" or len(self.ends) > 30:
            return []
        by = f"by{len(self.ends)}"
        return [i.Replaced(leg, by, "79", sdp(by)), i.Replaced(leg, by, "79", None)]

    def happens(self, word: i.Input) -> None:
        """Note what the word does to the far end, then tell the call."""
        end = self.ends.get(getattr(word, "leg", ""), FarEnd())
        match word:
            case i.Answered():
                end.answered = True
            case i.Failed() | i.Lost() | i.HungUp():
                end.closed = True
            case i.ReofferAnswered() | i.ReofferFailed():
                end.reinvited = False
            case i.OfferReceived():
                end.asking = True
            case i.OfferWithdrawn():
                end.asking = False
            case i.Resolved():
                self.asks.remove(word.ask)
            case i.Replaced():
                self.ends[word.by] = FarEnd(incoming=True)
            case i.TimersDue():
                self.now = self.call.next_timer() or self.now
                self.transactions_time_out()
        self.do(word)

    def transactions_time_out(self) -> None:
        """The transport below gives up on a cancelled INVITE before the call forgets the leg."""
        if self.call.data.timers.get("linger", self.now + 1) <= self.now:
            for end in self.ends.values():
                end.closed = end.closed or end.cancelled


def run(world: World, choices: list[int]) -> None:
    for choice in choices:
        words = world.possible()
        world.happens(words[choice % len(words)])


def end_and_check(world: World) -> None:
    """The first party leaves; what was cancelled gets its final response; nothing may remain."""
    world.do(i.RequestClearCall("end"))
    for leg, end in list(world.ends.items()):
        if end.cancelled and not end.closed:
            world.happens(i.Answered(leg, sdp(leg)) if len(leg) % 2 else i.Failed(leg, 487))
    assert world.call.over
    assert not any(world.living.values())
    assert all(world.rung[dn] == world.let_go[dn] for dn in ("77", "78"))
    assert all(end.closed for end in world.ends.values()), world.ends
    assert not any(end.asking for end in world.ends.values())


CHOICES = st.lists(st.integers(0, 10_000), max_size=40)


@settings(max_examples=300, deadline=None)
@given(CHOICES, st.booleans())
def test_an_inbound_call_leaves_nothing_behind(choices: list[int], offer: bool) -> None:
    world = World()
    world.ends["in1"] = FarEnd(incoming=True)
    world.do(i.Incoming("in1", "+15550001", "5000", sdp("caller") if offer else None))
    run(world, choices)
    end_and_check(world)


MADE = st.sampled_from(
    [
        i.RequestMakeCall("m1", "5000", "+15550009"),
        i.RequestMakeCall("m1", "5000", "+15550009", detect_s=5.0),
        i.RequestMakeCall("m1", "5000", "+15550009", detect_s=5.0, predictive=True),
        i.RequestMakeCall("m1", "5000", "+15550009", predictive=True),
        i.RequestMakeCall("m1", "5000", "1001", agent_id="anna", customer="+15550009"),
    ]
)


@settings(max_examples=500, deadline=None)
@given(CHOICES, MADE)
def test_a_call_that_we_make_leaves_nothing_behind(choices: list[int], request: i.RequestMakeCall) -> None:
    world = World()
    world.do(request)
    run(world, choices)
    end_and_check(world)


@settings(max_examples=200, deadline=None)
@given(CHOICES)
def test_a_waiting_call_always_has_a_next_thing_to_wait_for(choices: list[int]) -> None:
    """Either a deadline, a question, or a leg whose far end owes us a word."""
    world = World()
    world.ends["in1"] = FarEnd(incoming=True)
    world.do(i.Incoming("in1", "+15550001", "5000", sdp("caller")))
    run(world, choices)
    data = world.call.data
    if data.phase == "waiting" and data.attempt is None and data.treatment is None:
        assert "routing" in data.timers


def talking(origin_dn: str = "") -> World:
    """First and second party talk: a caller from outside, or one of our phones, and 77."""
    world = World()
    world.ends["in1"] = FarEnd(incoming=True)
    world.do(i.Incoming("in1", "+15550001", "77", sdp("caller"), origin_dn=origin_dn))
    world.happens(i.Resolved(world.asks[0], i.Destination(DestinationKind.DN, "77", "dn=77")))
    world.happens(i.Answered("target2", sdp("target2")))
    assert world.call.data.phase == "connected"
    return world


@settings(max_examples=500, deadline=None)
@given(CHOICES, st.booleans(), st.sampled_from(list(Purpose)), st.booleans())
def test_a_call_with_a_third_party_leaves_nothing_behind(
    choices: list[int], internal: bool, purpose: Purpose, by_caller: bool
) -> None:
    world = talking("1002" if internal else "")
    this_dn = "1002" if internal and by_caller else "77"
    world.do(i.RequestConsult("c", purpose, this_dn, "78"))
    world.happens(i.Resolved(world.asks[0], i.Destination(DestinationKind.DN, "78", "dn=78")))
    run(world, choices)
    end_and_check(world)


@settings(max_examples=300, deadline=None)
@given(CHOICES, st.booleans(), st.sampled_from([Purpose.SINGLE_TRANSFER, Purpose.SINGLE_CONFERENCE]))
def test_a_third_party_that_has_answered_leaves_nothing_behind(
    choices: list[int], internal: bool, purpose: Purpose
) -> None:
    world = talking("1002" if internal else "")
    world.do(i.RequestConsult("c", purpose, "77", "78"))
    world.happens(i.Resolved(world.asks[0], i.Destination(DestinationKind.DN, "78", "dn=78")))
    consulted = next(leg for leg in world.ends if leg.startswith("consult"))
    world.happens(i.Answered(consulted, sdp(consulted)))
    run(world, choices)
    end_and_check(world)
