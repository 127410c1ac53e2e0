"""A call under test with a movable clock, and short words for what happens to it."""

from collections.abc import Callable
from typing import TypeVar

import pytest

from ringback.domain.calls import inputs as i
from ringback.domain.calls import outputs as o
from ringback.domain.calls.call import Call
from ringback.domain.calls.state import CallData
from ringback.domain.calls.types import DestinationKind, LegRole, TreatmentType

T = TypeVar("T")


def sdp(name: str, port: int = 4000, direction: str = "") -> str:
    """A description whose address tells who wrote it."""
    lines = ["v=0", f"o={name} 1 1 IN IP4 {name}", "s=-", f"c=IN IP4 {name}", "t=0 0"]
    text = "\r\n".join([*lines, f"m=audio {port} RTP/AVP 0", ""])
    return text + (f"a={direction}\r\n" if direction else "")


class Bench:
    def __init__(self) -> None:
        self.call = Call(CallData("0000000000abcdef", "U" * 32, "T" * 32, "demo"))
        self.now = 100.0
        self.last: list[o.Output] = []
        self.events: list[o.Event] = []

    def do(self, word: i.Input) -> list[o.Output]:
        self.last = self.call.handle(word, self.now)
        self.events += [output for output in self.last if isinstance(output, o.Event)]
        return self.last

    def sent(self, kind: type[T]) -> T:
        """The one output of this kind in the last step."""
        found = [output for output in self.last if isinstance(output, kind)]
        assert len(found) == 1, self.last
        return found[0]

    def none(self, kind: type) -> bool:
        return not any(isinstance(output, kind) for output in self.last)

    def names(self) -> list[str]:
        return [output.name for output in self.last if isinstance(output, o.Event)]

    def event(self, name: str) -> o.Event:
        return [event for event in self.events if event.name == name][-1]

    def resolve(self, kind: DestinationKind, **more: object) -> None:
        ask = self.sent(o.AskDialplan).ask
        self.do(i.Resolved(ask, i.Destination(kind, **more)))  # type: ignore[arg-type]

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.do(i.TimersDue())

    # Stations of a call

    def arrive(self, offer: str | None = sdp("caller")) -> "Bench":
        self.do(i.Incoming("in1", "+15550001", "5000", offer))
        self.resolve(DestinationKind.ROUTE_POINT, dn="5000", default_dn="1999")
        return self

    def treat(self, reference: str = "t1") -> str:
        """Music on a media leg; its leg id."""
        self.do(i.RequestApplyTreatment(reference, TreatmentType.MUSIC))
        media = self.sent(o.Invite).leg
        self.do(i.Answered(media, sdp("media")))
        self.do(i.MediaStarted(media, reference))
        return media

    def route(self, reference: str = "r1", **more: object) -> str:
        """An attempt to reach agent 1001; its leg id."""
        self.do(i.RequestRouteCall(reference, "1001", agent_id="anna", **more))  # type: ignore[arg-type]
        self.resolve(DestinationKind.DN, dn="1001", target="dn=1001")
        return next(output.leg for output in self.last if isinstance(output, o.Invite))

    def talk(self) -> tuple[str, str]:
        """Caller and agent talk after music; (media leg, agent leg)."""
        media = self.arrive().treat()
        agent = self.route()
        self.do(i.Progress(agent, 180))
        self.do(i.Answered(agent, sdp("agent")))
        self.do(i.ReofferAnswered("in1", sdp("caller")))
        return media, agent

    def legs_left(self) -> list[str]:
        return [leg.id for leg in self.call.data.legs.values() if leg.state != "ended"]

    def role_of(self, leg: str) -> LegRole:
        return self.call.data.legs[leg].role


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def describe() -> Callable[..., str]:
    return sdp
