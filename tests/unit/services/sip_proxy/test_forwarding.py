"""The response context of a proxy (RFC 3261 16.6 to 16.10, RFC 5393 5.3), without sockets."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from msgspec.structs import replace

from ringback.services.sip_proxy.forwarding import Forwarding
from ringback.services.sip_proxy.settings import SipProxySettings
from ringback.services.sip_proxy.targets import Outcome, Target
from ringback.sip import Request, Response, cancel_for, parse_message, response_to
from ringback.sip.digest import DigestClient
from ringback.sip.transport import Destination

INVITE = (
    b"INVITE sip:1001@demo.example SIP/2.0\r\n"
    b"Via: SIP/2.0/TCP 10.0.0.9:5068;branch=z9hG4bKup\r\n"
    b"From: <sip:8000@demo.example>;tag=1\r\nTo: <sip:1001@demo.example>\r\n"
    b"Call-ID: c\r\nCSeq: 1 INVITE\r\nMax-Forwards: 9\r\n\r\n"
)


class Branch:
    """A client transaction that the test answers."""

    def __init__(self, request: Request, target: Target, heard: Callable[[Response], None]) -> None:
        self.request, self.target, self._heard = request, target, heard
        self.cancelled: list[str] = []

    def cancel(self, headers: Iterable[tuple[str, str]] = ()) -> None:
        self.cancelled.append(dict(headers).get("Reason", ""))

    def forget_request(self) -> None:
        """The test goes on answering it."""

    def says(self, status: int, *headers: tuple[str, str], local: bool = False) -> None:
        response = response_to(self.request, status, to_tag=f"t{status}", headers=headers)
        response.prepend("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKours")
        response.local = local
        self._heard(response)


class Upstream:
    """The server transaction."""

    def __init__(self, request: Request) -> None:
        self.request, self.sent = request, list[Response]()
        self.on_cancel: Callable[[], None] | None = None
        self.cancelled, self.to_tag = False, "ours"
        self.cancel_request: Request | None = None

    def respond(self, response: Response) -> bool:
        self.sent.append(response)
        return True

    def reply(self, status: int) -> Response:
        self.respond(response_to(self.request, status, to_tag=self.to_tag))
        return self.sent[-1]

    def cancel(self, reason: str = "") -> None:
        self.cancelled = True
        self.cancel_request = cancel_for(self.request)
        self.cancel_request.add("Reason", reason)
        assert self.on_cancel is not None
        self.on_cancel()

    def forget_request(self) -> None:
        self.on_cancel = None

    @property
    def statuses(self) -> list[int]:
        return [response.status for response in self.sent]


class World:
    """What a forwarding needs, and what became of it."""

    timer_c_s = SipProxySettings().timer_c_s
    fork_ring_s = 20.0
    failover_s = 4.0

    def __init__(self, *groups: list[str], role: str = "phone", data: bytes = INVITE) -> None:
        request = parse_message(data)
        assert isinstance(request, Request)
        self.tx, self.branches = Upstream(request), dict[str, Branch]()
        self.outcome: Outcome | None = None
        self.lost: list[str] = []
        self.spoke: list[str] = []
        self.ringing: dict[str, Callable[[Target], None]] = {}
        self.forwarding = Forwarding(
            self,
            self.tx,  # type: ignore[arg-type]
            request,
            [[self.target(name, role) for name in group] for group in groups],
            to_edge=False,
            done=self._done,
        )
        self.forwarding.start()

    @staticmethod
    def target(name: str, role: str) -> Target:
        instance = name.partition("/")[0] if "/" in name else ""
        uri = f"sip:{name.replace('/', '.')}@192.0.2.9"
        line = "demo 1001" if name.startswith("web") else ""
        place = Destination("udp", "192.0.2.9", 5060)
        target = Target(role, name, "edge", place, uri=uri, instance=instance, line=line)
        if name != "carrier":
            return target
        digest = DigestClient("line", "secret")
        return replace(target, digest=digest, proven_route=lambda tries: f"<sip:shift{tries}@192.0.2.2;lr>")

    def send(self, request: Request, target: Target, branch: str, heard: Callable[[Response], None]) -> Any:
        self.branches[target.name] = Branch(request, target, heard)
        return self.branches[target.name]

    def random(self) -> str:
        return "r"

    def clean(
        self, message: Request | Response, transport: str = "", *, trusted: bool = False, toward: str = ""
    ) -> None:
        pass

    def unreachable(self, target: Target) -> None:
        self.lost.append(target.name)

    def answered(self, target: Target, response: Response) -> None:
        pass

    def heard(self, target: Target) -> None:
        self.spoke.append(target.name)

    def elsewhere(self, request: Request, target: Target, response: Response) -> Target | None:
        name = response.get("X-Ringback-Owner")
        return self.target(name, target.role) if name else None

    def rings(self, target: Target, again: Callable[[Target], None]) -> Callable[[], None]:
        self.ringing[target.name] = again
        return lambda: self.ringing.pop(target.name)

    def _done(self, outcome: Outcome) -> None:
        self.outcome = outcome

    def __getitem__(self, name: str) -> Branch:
        return self.branches[name]


class Test16_6Forking:  # noqa: N801
    """Targets at the same time and one after the other."""

    async def test_equal_ones_ring_together_and_the_losers_are_told_why_they_stop(self) -> None:
        world = World(["a", "b"])
        world["a"].says(180)
        world["b"].says(200)
        assert world["a"].cancelled == ['SIP;cause=200;text="Call completed elsewhere"']
        world["a"].says(487)
        assert world.tx.statuses == [180, 200]
        assert world.outcome is not None
        assert (world.outcome.status, world.outcome.attempts) == (200, 2)

    async def test_lower_ones_wait_until_the_higher_have_refused(self) -> None:
        world = World(["high"], ["low"])
        assert list(world.branches) == ["high"]
        world["high"].says(486)
        assert list(world.branches) == ["high", "low"]
        world["low"].says(200)
        assert world.tx.statuses == [200]

    async def test_higher_ones_ring_only_so_long(self) -> None:
        world = World(["high"], ["low"])
        world["high"].says(180)
        assert world.forwarding._next is not None
        world.forwarding._next.cancel()
        world.forwarding._cancel_others()
        assert world["high"].cancelled == [""]
        world["high"].says(487)
        world["low"].says(200)
        assert world.tx.statuses == [180, 200]

    async def test_another_flow_of_a_phone_is_tried_only_if_the_first_has_failed(self) -> None:
        """RFC 5626 7."""
        reached = World(["phone/1"], ["phone/2"])
        reached["phone/1"].says(486)
        assert reached.tx.statuses == [486]
        failed = World(["phone/1"], ["phone/2"])
        failed["phone/1"].says(430)
        failed["phone/2"].says(200)
        assert failed.tx.statuses == [200]

    async def test_a_node_that_refuses_is_believed_and_a_silent_one_is_passed_over(self) -> None:
        refused = World(["n1"], ["n2"], role="node")
        refused["n1"].says(486)
        assert refused.tx.statuses == [486]
        silent = World(["n1"], ["n2"], role="node")
        silent["n1"].says(503, local=True)
        silent["n2"].says(200)
        assert (silent.tx.statuses, silent.lost) == ([200], ["n1"])

    async def test_breadth_is_shared_and_too_much_is_440(self) -> None:
        """RFC 5393 5.3.3."""
        world = World(["a", "b", "c"])
        assert {branch.request.get("Max-Breadth") for branch in world.branches.values()} == {"20"}
        narrow = World(["a", "b"], data=INVITE.replace(b"Max-F", b"Max-Breadth: 1\r\nMax-F"))
        assert (narrow.tx.statuses, narrow.branches) == ([440], {})

    async def test_a_way_through_other_proxies_is_a_route(self) -> None:
        """RFC 3327 5.3, and 16.6 step 6 for a proxy that knows strict routing alone."""
        loose = self._through("<sip:p1;lr>", "<sip:p2;lr>")
        assert (loose.raw_uri, loose.values("Route")) == ("sip:a@h", ["<sip:p1;lr>", "<sip:p2;lr>"])
        strict = self._through("<sip:p1>", "<sip:p2;lr>")
        assert (strict.raw_uri, strict.values("Route")) == ("sip:p1", ["<sip:p2;lr>", "<sip:a@h>"])

    @staticmethod
    def _through(*routes: str) -> Request:
        world = World([])
        place = Destination("udp", "192.0.2.9", 5060)
        target = Target("phone", "a", "edge", place, uri="sip:a@h", routes=routes)
        return world.forwarding._copy_for(target)


class Test16_7Responses:  # noqa: N801
    """What goes back."""

    @pytest.mark.parametrize(
        ("said", "sent"),
        [((486, 404), 486), ((404, 302), 302), ((486, 603), 603), ((500, 404), 404), ((404, 407), 407)],
    )
    async def test_the_best_is_of_the_lowest_class_unless_one_has_said_6xx(
        self, said: tuple[int, int], sent: int
    ) -> None:
        world = World(["a", "b"])
        world["a"].says(said[0])
        assert world.tx.sent == []
        world["b"].says(said[1])
        assert world.tx.statuses == [sent]

    async def test_a_6xx_stops_the_others_and_lets_no_lower_one_ring(self) -> None:
        world = World(["a", "b"], ["low"])
        world["b"].says(180)
        world["a"].says(603)
        assert world["b"].cancelled == [""]
        world["b"].says(487)
        assert (world.tx.statuses, "low" in world.branches) == ([180, 603], False)

    async def test_a_200_after_a_6xx_still_goes_back(self) -> None:
        """Step 5: every 2xx to an INVITE is forwarded."""
        world = World(["a", "b"])
        world["a"].says(603)
        world["b"].says(200)
        assert world.tx.statuses == [200]

    async def test_every_200_goes_back_also_the_second(self) -> None:
        world = World(["a", "b"])
        world["a"].says(200)
        world["b"].says(200)
        assert world.tx.statuses == [200, 200]

    async def test_22_3_a_trunk_and_its_proxy_may_both_challenge_and_each_try_has_a_number(self) -> None:
        world = World(["carrier"], role="trunk")
        first = world["carrier"].request
        world["carrier"].says(407, ("Proxy-Authenticate", 'Digest realm="proxy", nonce="n1"'))
        world["carrier"].says(401, ("WWW-Authenticate", 'Digest realm="trunk", nonce="n2"'))
        last = world["carrier"].request
        assert (first.cseq.number, last.cseq.number) == (1, 3)
        assert last.get_all("Record-Route") == ["<sip:shift2@192.0.2.2;lr>"]
        assert [len(last.get_all(name)) for name in ("Proxy-Authorization", "Authorization")] == [1, 1]
        world["carrier"].says(401, ("WWW-Authenticate", 'Digest realm="trunk", nonce="n3"'))
        assert world["carrier"].request is last
        assert world.tx.statuses == [401]

    async def test_all_challenges_are_gathered(self) -> None:
        """Step 7."""
        world = World(["a", "b", "c"])
        world["a"].says(401, ("WWW-Authenticate", 'Digest realm="a"'))
        world["b"].says(407, ("Proxy-Authenticate", 'Digest realm="b"'))
        world["c"].says(486)
        (sent,) = world.tx.sent
        assert sent.status == 401
        assert sent.get_all("WWW-Authenticate") == ['Digest realm="a"']
        assert sent.get_all("Proxy-Authenticate") == ['Digest realm="b"']

    async def test_the_503_of_one_phone_is_no_word_about_the_next_call(self) -> None:
        world = World(["a"])
        world["a"].says(503, ("Retry-After", "3600"))
        assert (world.tx.statuses, world.tx.sent[0].has("Retry-After")) == ([500], False)

    async def test_100_stays_here_and_other_provisional_responses_go_back_without_our_via(self) -> None:
        world = World(["a"])
        world["a"].says(100)
        world["a"].says(183)
        assert world.tx.statuses == [183]
        assert [via.partition("branch=")[2] for via in world.tx.sent[0].get_all("Via")] == ["z9hG4bKup"]

    async def test_nobody_there_is_480(self) -> None:
        assert World([]).tx.statuses == [480]


class Test16_8TimerC:  # noqa: N801
    """An INVITE that nobody ends."""

    async def test_a_branch_that_rings_is_cancelled_and_a_silent_one_is_408(self) -> None:
        world = World(["a", "b"])
        world["a"].says(180)
        for branch in world.forwarding._branches:
            branch.rings_since -= world.timer_c_s
            world.forwarding._timer_c_fired(branch)
        assert world["a"].cancelled == [""]
        assert world.tx.statuses == [180]
        world["a"].says(487)
        assert world.tx.statuses == [180, 408]

    async def test_16_6_it_is_longer_than_three_minutes(self) -> None:
        assert World(["a"]).timer_c_s > 180.0

    async def test_news_put_it_off_and_it_belongs_to_its_branch(self) -> None:
        world = World(["a", "b"])
        for branch in world.forwarding._branches:
            branch.rings_since -= world.timer_c_s
        world["a"].says(180)
        for branch in world.forwarding._branches:
            world.forwarding._timer_c_fired(branch)
        assert world["a"].cancelled == []
        assert world.forwarding._branches[1].done
        timer = world.forwarding._branches[0].timer_c
        assert isinstance(timer, asyncio.TimerHandle)
        assert timer.when() > asyncio.get_running_loop().time() + world.timer_c_s - 5
        world["a"].says(200)
        assert world.forwarding._branches[0].timer_c is None


class Test16_10Cancel:  # noqa: N801
    """The caller changes its mind."""

    async def test_every_branch_is_cancelled_with_the_callers_reason(self) -> None:
        world = World(["a", "b"], ["low"])
        world["a"].says(180)
        world.tx.cancel("Q.850;cause=16")
        assert world["a"].cancelled == world["b"].cancelled == ["Q.850;cause=16"]
        world["a"].says(487)
        world["b"].says(486)
        assert (world.tx.statuses, "low" in world.branches) == ([180, 487], False)

    async def test_before_anything_was_sent_it_is_487(self) -> None:
        world = World(["a"])
        world.tx.cancelled = True
        world.tx.sent.clear()
        world.forwarding.start()
        assert world.tx.statuses == [487]


INSIDE_A_DIALOG = INVITE.replace(b"To: <sip:1001@demo.example>", b"To: <sip:1001@demo.example>;tag=2")


class TestElsewhere:
    """A call has moved: the node that the route names says who has it."""

    async def test_the_owner_is_asked_and_the_sender_hears_nothing_of_it(self) -> None:
        world = World(["first"], ["owner"], role="node", data=INSIDE_A_DIALOG)
        world["first"].says(481, ("X-Ringback-Owner", "owner"))
        assert world.tx.statuses == []
        world["owner"].says(200)
        assert world.tx.statuses == [200]
        assert world.outcome is not None and world.outcome.target is not None
        assert world.outcome.target.name == "owner"

    async def test_they_may_not_send_us_round_in_a_circle(self) -> None:
        world = World(["first"], role="node", data=INSIDE_A_DIALOG)
        world["first"].says(481, ("X-Ringback-Owner", "second"))
        world["second"].says(481, ("X-Ringback-Owner", "first"))
        assert world.tx.statuses == [481]

    async def test_a_silent_owner_gives_way_to_the_node_that_named_it(self) -> None:
        world = World(["first"], role="node", data=INSIDE_A_DIALOG)
        world["first"].says(481, ("X-Ringback-Owner", "owner"))
        world["owner"].says(503, local=True)
        assert world.lost == ["owner"]
        world["first"].says(200)
        assert world.tx.statuses == [200]

    async def test_outside_a_dialog_nobody_gets_the_request_twice(self) -> None:
        """8.2.2.2: it would be a merged request."""
        world = World(["first"], ["third"], role="node")
        world["first"].says(481, ("X-Ringback-Owner", "owner"))
        world["owner"].says(503, local=True)
        world["third"].says(503, local=True)
        assert world.tx.statuses == [503]

    async def test_who_has_cancelled_is_not_sent_on(self) -> None:
        world = World(["first"], role="node", data=INSIDE_A_DIALOG)
        world.tx.cancel()
        world["first"].says(481, ("X-Ringback-Owner", "owner"))
        assert list(world.branches) == ["first"]
        assert world.tx.statuses == [487]


class TestABrowserThatComesBackWhileItRings:
    async def test_it_is_rung_there_and_cancelled_there(self) -> None:
        world = World(["web", "b"])
        world["web"].says(180)
        before = world["web"]
        world.ringing["web"](world.target("web", "phone"))
        assert world["web"] is not before
        world["b"].says(200)
        assert (len(before.cancelled), len(world["web"].cancelled)) == (0, 1)
        world["web"].says(487)
        assert world.tx.statuses == [180, 200]
        assert not world.ringing

    async def test_one_that_has_not_rung_yet_is_left_to_its_transaction(self) -> None:
        world = World(["web"])
        before = world["web"]
        world.ringing["web"](world.target("web", "phone"))
        assert world["web"] is before

    async def test_after_a_cancel_it_is_not_rung_again(self) -> None:
        world = World(["web"])
        world["web"].says(180)
        before = world["web"]
        world.tx.cancel()
        world.ringing["web"](world.target("web", "phone"))
        assert world["web"] is before


async def test_of_each_target_it_is_told_once_that_something_has_come_of_an_invite() -> None:
    world = World(["one", "two"])
    world["one"].says(100)
    assert world.spoke == []
    world["one"].says(180)
    world["one"].says(200)
    world["two"].says(408, local=True)
    assert world.spoke == ["one", "two"]
