"""Who asks a node for a call goes on asking until there is an answer; who cannot give it keeps it."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from ringback.contracts.handover import HandOverReply
from ringback.domain.calls.call import Call
from ringback.domain.calls.state import CallData
from ringback.runtime.http import HttpFailure, HttpUnavailable
from ringback.runtime.valkey import ValkeyUnavailable
from ringback.services.sip_cluster import handover
from ringback.services.sip_cluster.handover import Fetched, Handover, decode_reply
from ringback.services.sip_cluster.index import Index
from ringback.services.sip_cluster.live import LiveCall, SipLeg
from ringback.services.sip_cluster.takeover import Takeover
from ringback.sip.dialog import Dialog
from ringback.sip.transfer import Replaces

NAMED = Replaces("call", "ours", "theirs")
LOG = SimpleNamespace(info=lambda *a, **k: None, warning=lambda *a, **k: None)


class Asking(Handover):
    """Asks a node whose answers are written down; None: there is nobody (any more)."""

    def __init__(self, *answers: Any, known: bool = True, taken: bool = True) -> None:
        self.answers, self.known, self.taken, self.asked = list(answers), known, taken, 0
        store = SimpleNamespace(find=self._find)
        takeover = SimpleNamespace(living_owner=self._owner, take=self._take)
        super().__init__(cast(Any, SimpleNamespace(log=LOG)), *cast(Any, (None, None, store, takeover)))

    async def _find(self, tenants: tuple[str], call_id: str) -> tuple[str, str] | None:
        return (tenants[0], "conn") if self.known else None

    async def _owner(self, tenant: str, conn_id: str) -> object:
        return "node" if self.answers and self.answers[0] is not None else None

    async def _take(self, tenant: str, conn_id: str) -> object:
        return "live" if self.taken else None

    async def _ask(self, *_: object) -> HandOverReply:
        self.asked += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return HandOverReply(outcome=answer, number="1002" if answer == "rings" else "")


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "PAUSE_S", 0.0)
    monkeypatch.setattr(handover, "AWAY_S", 0.0)


@pytest.mark.parametrize(
    ("answers", "fetched"),
    [
        (["given"], Fetched()),
        (["busy", "busy", "given"], Fetched()),
        (["rings"], Fetched(number="1002")),
        (["refused"], Fetched(403)),
        (["unknown"], Fetched(481)),
        (["busy"] * 40, Fetched(491)),
        ([HttpUnavailable("gone"), "given"], Fetched()),
        ([HttpFailure(500, "x", "x"), HttpUnavailable("gone"), None], Fetched()),
        ([HttpUnavailable("gone")] * 40, Fetched(503)),
        ([ValkeyUnavailable("away")] * 40, Fetched(503)),
        ([None], Fetched()),
    ],
)
async def test_a_call_is_fetched_or_the_reason_said(answers: list[Any], fetched: Fetched) -> None:
    assert await Asking(*answers).fetch("demo", NAMED, "1001") == fetched


async def test_a_call_that_nobody_has_or_that_has_just_ended_is_unknown() -> None:
    asking = Asking("given", known=False)
    assert await asking.fetch("demo", NAMED, "1001") == Fetched(481)
    assert asking.asked == 0
    assert await Asking("given", taken=False).fetch("demo", NAMED, "1001") == Fetched(481)


def test_a_reply_that_cannot_be_read_is_a_failure() -> None:
    assert decode_reply(b'{"outcome":"given"}').outcome == "given"
    with pytest.raises(HttpFailure):
        decode_reply(b'{"outcome":"eaten"}')


def a_call() -> tuple[LiveCall, SipLeg]:
    live = LiveCall(Call(CallData("c", "u", "t", "demo")))
    leg = live.legs["in1"] = SipLeg("in1", "call")
    leg.dialog = Dialog("call", "<sip:a@b>;tag=ours", "<sip:c@d>;tag=theirs", "ours", "theirs", "sip:c@d")
    return live, leg


def test_a_dialog_is_found_by_both_tags_and_only_by_its_own_tenant() -> None:
    """RFC 3891 3."""
    index, (live, leg) = Index(), a_call()
    index.add(live, leg)
    assert index.named("demo", NAMED) == (live, leg)
    assert index.named("other", NAMED) is None
    for wrong in (Replaces("call", "theirs", "ours"), Replaces("call", "ours", "x"), Replaces("x", "", "")):
        assert index.named("demo", wrong) is None


@pytest.mark.parametrize("ours", [True, False])
async def test_a_call_whose_new_owner_is_not_known_for_certain_goes_on_until_it_is(ours: bool) -> None:
    """Valkey went away while it was written down."""
    said: list[str] = []
    owner = iter([ValkeyUnavailable("away"), ours])

    async def is_owner(tenant: str, conn_id: str) -> bool:
        found = next(owner)
        if isinstance(found, Exception):
            raise found
        return found

    driver = SimpleNamespace(
        open=lambda live: said.append("open"),
        carry_on=lambda live, outputs: said.append("carry on"),
        abandon=lambda live: said.append("abandon"),
    )
    live, _ = a_call()
    live.lost = True
    parts: Any = (None, SimpleNamespace(is_owner=is_owner), driver, Index(), None)
    await Takeover(*parts).keep(live)
    assert said == ["open", "carry on"] + ([] if ours else ["abandon"])
    assert not live.lost
