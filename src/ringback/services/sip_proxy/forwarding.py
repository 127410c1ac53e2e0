"""One request on its way through the proxy: branches, and the best of their responses (RFC 3261 16.6).

Targets come in groups: those of one group are tried at the same time (bindings of equal q), the groups one
after the other: cluster nodes and gateways as long as nobody can be reached, phones until one answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from msgspec.structs import replace

from ringback.services.sip_proxy.lines import Client, Lines, Server
from ringback.services.sip_proxy.responses import UNREACHABLE, best_of, with_all_challenges
from ringback.services.sip_proxy.routes import (
    branch_for,
    lead_to_strict_router,
    onward,
    shared_breadth,
    shift_numbers,
)
from ringback.services.sip_proxy.targets import Outcome, Target, for_repetitions, salt_of
from ringback.sip import Request, Response, response_to
from ringback.sip.challenges import Challenges
from ringback.sip.digest import says_stale
from ringback.sip.reason_header import ELSEWHERE, Reason, reason_of


class _Branch:
    __slots__ = (
        "challenges",
        "client",
        "done",
        "heard",
        "leave",
        "provisional",
        "rings_since",
        "silent",
        "target",
        "timer_c",
    )

    def __init__(self, target: Target) -> None:
        self.target = target
        self.client: Client | None = None
        self.challenges: Challenges | None = None
        """What was asked for on the way to the target."""
        self.done = False
        self.heard = False
        self.silent = True
        """Nothing has come of it but 100 Trying, not even a failure."""
        self.provisional = False
        self.timer_c: asyncio.TimerHandle | None = None
        self.rings_since = 0.0
        """When there was news last (loop time)."""
        self.leave: Callable[[], None] | None = None  # called when it rings no more

    def finish(self) -> None:
        """A final response has come: nothing is waited for any more."""
        self.done = True
        if self.leave is not None:
            self.leave()
        if self.timer_c is not None:
            self.timer_c.cancel()
            self.timer_c = None

    def cancel(self, reason: Reason | None = None) -> None:
        """Cancel, if there is anything to cancel (16.7 step 10)."""
        if not self.done and self.client is not None:
            self.client.cancel([("Reason", str(reason))] if reason is not None else [])


class Forwarding:
    """The response context of one request.

    With a `seed` the branches follow from it. So an INVITE that its sender repeats after this proxy was
    restarted is a retransmission to whoever has it already (17.2.3), and nobody is rung a second time.
    """

    def __init__(
        self,
        lines: Lines,
        tx: Server,
        request: Request,
        groups: list[list[Target]],
        *,
        to_edge: bool,
        seed: str = "",
        done: Callable[[Outcome], None],
    ) -> None:
        self._lines = lines
        self._seed = seed
        self._tx = tx
        self._request = request
        self._groups = groups if all(groups) else [group for group in groups if group]
        self._to_edge = to_edge
        self._done: Callable[[Outcome], None] | None = done
        self._branches: list[_Branch] = []
        self._failures: tuple[tuple[Response, Target], ...] = ()
        self._moved = False
        self._answered = False
        self._attempts = 0
        self._reached: frozenset[str] = frozenset()
        self._next: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        """Send to the first group; without any target the answer is 480."""
        self._tx.on_cancel = self._cancelled
        if self._tx.cancelled:
            self._tx.reply(487)
            self._finish(487, None)
            return
        if not self._groups:
            self._tx.reply(480)
            self._finish(480, None)
            return
        self._next_group()

    def _next_group(self) -> None:
        group = self._groups.pop(0)
        breadth = shared_breadth(self._request, len(group))
        if not breadth:
            self._tx.reply(440)
            self._finish(440, None)
            return
        self._branches = [_Branch(target) for target in group]
        for branch in self._branches:
            self._send(branch, breadth if len(group) > 1 else 0)
        self._limit_ringing()

    def _send(self, branch: _Branch, breadth: int = 0) -> None:
        self._attempts += 1
        copy = self._copy_for(branch.target)
        if branch.challenges is not None:
            for proof in branch.challenges.answers(copy.method, copy.raw_uri, self._lines.random):
                copy.add(*proof)
        if breadth:
            copy.set("Max-Breadth", breadth)
        self._start_timer_c(branch)
        token = branch_for(self._request, self._salt(branch.target))
        branch.client = self._lines.send(copy, branch.target, token, partial(self._response, branch))
        if branch.target.line and self._request.method == "INVITE":
            branch.leave = self._lines.rings(branch.target, partial(self._send_again, branch))

    def _send_again(self, branch: _Branch, target: Target) -> None:
        """A browser that rings has come back by another flow: the same once more, in a new transaction."""
        before = branch.client
        if before is None or branch.done or self._answered or self._tx.cancelled or not branch.provisional:
            return
        branch.target, before.on_response = target, lambda response: None
        token, heard = before.request.via.branch, partial(self._response, branch)
        branch.client = self._lines.send(self._copy_for(target), target, token, heard)

    def _prove(self, branch: _Branch, response: Response) -> bool:
        """Answer the challenges of a trunk for a sender that has no password (22.2, 22.3).

        Each try that begins a dialog has a CSeq of its own. Within one it has not: what is not lower is in
        order (12.2.2), and nobody remembers here what would have to be added to all that follows.
        """
        target = branch.target
        if target.digest is None or self._tx.cancelled:
            return False
        challenges = branch.challenges or Challenges(target.digest)
        if not challenges.hear(response):
            return False
        if self._request.to_tag is None and target.proven_route is not None:
            routes = (target.proven_route(challenges.tries),)
            target = replace(target, shift=challenges.tries, record_routes=routes)
        again = _Branch(target)
        again.challenges = challenges
        self._branches[self._branches.index(branch)] = again
        self._send(again)
        return True

    def _ask_owner(self, branch: _Branch, response: Response) -> bool:
        """Ask the node that has the dialog, once; when it is silent, the one that has named it may act."""
        target = None
        if not (self._moved or response.local or self._tx.cancelled):
            target = self._lines.elsewhere(self._request, branch.target, response)
        if target is None:
            return False
        self._moved = True
        others = [group for group in self._groups if group[0].name != target.name]
        # A request outside a dialog would be a merged one to who has had it (8.2.2.2).
        self._groups = [[branch.target], *others] if self._request.to_tag is not None else others
        again = _Branch(target)
        self._branches[self._branches.index(branch)] = again
        self._send(again)
        return True

    def _copy_for(self, target: Target) -> Request:
        """The request as one target gets it (16.6 steps 1 to 6)."""
        on_top: list[tuple[str, str]] = []
        for route in target.record_routes:
            on_top.insert(0, ("Record-Route", route))
        for route in target.routes:
            on_top.append(("Route", route))
        copy = onward(self._request, on_top, target.headers)
        if target.shift:
            shift_numbers(copy, target.shift)
        if target.uri is not None:
            copy.retarget(target.uri)
        if target.side == "edge":
            place = target.destination
            self._lines.clean(copy, place.transport, trusted=target.trusted, toward=place.host)
            lead_to_strict_router(copy)
        return copy

    def _limit_ringing(self) -> None:
        """Phones of a lower q get their turn though those of a higher one go on ringing."""
        if not self._groups:
            return
        if self._request.method == "INVITE" and self._hunts:
            wait = self._lines.fork_ring_s
            self._next = self._loop.call_later(wait, self._cancel_others)
        elif self._branches[0].target.role == "trunk":
            wait = self._lines.failover_s
            self._next = self._loop.call_later(wait, self._give_up_the_silent)

    def _give_up_the_silent(self) -> None:
        """Where there is another way, one of which nothing is heard is not waited for (RFC 3263 4.3)."""
        for branch in [item for item in self._branches if not item.heard and not item.done]:
            branch.cancel()
            branch.finish()
            self._failure(branch, Response(408, local=True))

    @property
    def _hunts(self) -> bool:
        """True where any refusal, not only silence, leads to the next group (16.7 step 5)."""
        target = self._branches[0].target
        return target.role == "phone" or target.hunts

    def _salt(self, target: Target) -> str:
        return salt_of(self._seed, target) if self._seed else self._lines.random()

    def _response(self, branch: _Branch, response: Response) -> None:
        status = response.status
        if branch.silent and status != 100:
            branch.silent = False
            if self._request.method == "INVITE":
                self._lines.heard(branch.target)
        if not response.local:
            branch.heard = True
            self._lines.answered(branch.target, response)
        if status == 100 or (status < 200 and branch.done):
            return
        if status < 200:
            branch.provisional, branch.rings_since = True, self._loop.time()
            if not self._answered:
                self._pass_on(response, branch.target)
        elif status < 300:
            branch.finish()
            self._success(branch, response)
        elif not branch.done:
            branch.finish()
            if self._ask_owner(branch, response):
                return
            if status not in (401, 407) or not self._prove(branch, response):
                self._failure(branch, response)

    def _success(self, branch: _Branch, response: Response) -> None:
        self._pass_on(response, branch.target)
        if not self._answered:
            self._answered = True
            self._groups.clear()
            self._cancel_others(ELSEWHERE)
            self._finish(response.status, branch.target)
            self._request = for_repetitions(self._request, branch.target)
        if branch.client is not None:
            branch.client.forget_request()

    def _failure(self, branch: _Branch, response: Response) -> None:
        if response.local and response.status in UNREACHABLE:
            self._lines.unreachable(branch.target)
        if response.status not in UNREACHABLE and branch.target.instance:
            self._reached |= {branch.target.instance}
        self._failures = (*self._failures, (response, branch.target))
        if response.status >= 600:
            self._groups.clear()
            self._cancel_others()
        if self._answered or not all(item.done for item in self._branches):
            return
        if self._goes_on():
            self._next_group()
            return
        best, target = best_of(self._failures)
        self._answer_failure(best, target)
        stale = best.status == 401 and says_stale(best.get_all("WWW-Authenticate"))
        self._finish(best.status, target, stale=stale)

    def _goes_on(self) -> bool:
        """True if another group is to be tried: flows of a phone that has spoken are not."""
        if self._next is not None:
            self._next.cancel()
        if self._tx.cancelled:
            return False
        groups = [[item for item in group if item.instance not in self._reached] for group in self._groups]
        self._groups = [group for group in groups if group]
        unreachable = all(item.status in UNREACHABLE for item, _ in self._failures)
        return bool(self._groups) and (self._hunts or unreachable)

    def _answer_failure(self, best: Response, target: Target) -> None:
        if self._tx.cancelled:
            self._tx.reply(487)
        elif best.local:
            self._tx.reply(best.status)
        elif best.status == 503 and target.role == "phone":
            # What one phone lacks says nothing about the next request (16.7 step 6).
            self._tx.respond(response_to(self._request, 500, to_tag=self._tx.to_tag))
        else:
            self._pass_on(with_all_challenges(best, self._failures), target)

    def _pass_on(self, response: Response, target: Target) -> None:
        if target.side == "edge":
            self._bring_in(response, target)
        else:
            response.pop_first("Via")
        if self._to_edge:
            if target.role == "webrtc":
                self._lines.veil(response)
            source = self._tx.source
            self._lines.clean(response, source.transport, toward=source.host)
        self._tx.respond(response)

    def _bring_in(self, response: Response, target: Target) -> None:
        """Give a response from outside back what was hidden from there: the Vias, and our way in."""
        self._lines.clean(response, trusted=target.trusted)
        if target.shift:
            response.set("CSeq", self._request.cseq)
        response.remove("Via")
        response.headers[:0] = [pair for pair in self._request.headers if pair[0] == "Via"]
        if 100 < response.status < 300:
            for route in target.near_routes:
                response.add("Record-Route", route)

    def _cancelled(self) -> None:
        self._groups.clear()
        cancel = self._tx.cancel_request
        self._cancel_others(reason_of(cancel) if cancel is not None else None)

    def _cancel_others(self, reason: Reason | None = None) -> None:
        for branch in self._branches:
            branch.cancel(reason)

    def _start_timer_c(self, branch: _Branch) -> None:
        """Each branch of an INVITE may ring only so long without news (16.6 step 11, 16.7 step 2)."""
        if self._request.method == "INVITE":
            branch.rings_since = self._loop.time()
            self._watch_ringing(branch)

    def _watch_ringing(self, branch: _Branch) -> None:
        # News only tell when: a timer made anew for each of them would cost more than the news.
        due = branch.rings_since + self._lines.timer_c_s
        branch.timer_c = self._loop.call_at(due, self._timer_c_fired, branch)

    def _timer_c_fired(self, branch: _Branch) -> None:
        """Cancel a branch that rings; one that never said anything counts as 408 (16.8)."""
        if self._loop.time() < branch.rings_since + self._lines.timer_c_s:
            self._watch_ringing(branch)
        elif branch.provisional:
            branch.cancel()
        elif not branch.done:
            branch.finish()
            self._failure(branch, response_to(self._request, 408))

    def _finish(self, status: int, target: Target | None, *, stale: bool = False) -> None:
        if self._next is not None:
            self._next.cancel()
        if self._done is not None:
            self._done(Outcome(status, target, self._attempts, stale))
            self._done = None
            self._tx.forget_request()
