"""The open requests that the router works on, as the shell around the core needs them."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass

from ringback.contracts.routing import SubmitRequest
from ringback.contracts.rq import OpenRequest
from ringback.domain.agents.session import Reserve as ReserveAgent
from ringback.domain.agents.session import Take
from ringback.domain.routing import messages
from ringback.domain.routing.growth import Growth, even

REMEMBERED = 4096
"""Names of finished requests that are still known."""


@dataclass(slots=True)
class Known:
    """One open request; `seq` is the number of its last result, `vq` where it waits now."""

    submit: SubmitRequest
    sequence: int
    seq: int = 0
    vq: str = ""

    def next_seq(self) -> int:
        self.seq += 1
        return self.seq


class RequestBook:
    """Open requests by id, and by the other names under which they are asked for."""

    def __init__(self) -> None:
        self._known: dict[str, Known] = {}
        self._names: dict[str, str] = {}
        self._left: OrderedDict[str, str] = OrderedDict()
        self.callbacks: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._known)

    def add(self, request: OpenRequest) -> bool:
        """Remember a request; False when it is known already."""
        submit = request.submit
        if submit.request_id in self._known:
            return False
        self._known[submit.request_id] = Known(submit, request.sequence, request.seq, submit.vq)
        for name in _names(submit):
            self._names[name] = submit.request_id
        self.callbacks[submit.vq] += submit.kind == "callback"
        return True

    def get(self, request_id: str) -> Known | None:
        """An open request."""
        return self._known.get(request_id)

    def remove(self, request_id: str) -> None:
        """The request is finished."""
        known = self._known.pop(request_id, None)
        if known is None:
            return
        submit = known.submit
        for name in _names(submit):
            if self._names.get(name) == request_id:
                del self._names[name]
            self._left[name] = request_id
            self._left.move_to_end(name)
        while len(self._left) > REMEMBERED:
            self._left.popitem(last=False)
        self.callbacks[known.vq] -= submit.kind == "callback"

    def move(self, request_id: str, vq: str) -> None:
        """The request waits in another virtual queue."""
        known = self._known.get(request_id)
        if known is not None:
            callback = known.submit.kind == "callback"
            self.callbacks[known.vq] -= callback
            self.callbacks[vq] += callback
            known.vq = vq

    def find(self, name: str) -> str:
        """The request id behind a request id, ConnID, interaction id or session id; empty when there is
        none.
        """
        return name if name in self._known else self._names.get(name, "")

    def find_left(self, name: str) -> str:
        """As `find`, also for requests that have lately been finished; the name itself when nobody had it."""
        return self.find(name) or self._left.get(name, name)


def _names(submit: SubmitRequest) -> list[str]:
    return [name for name in (submit.conn_id, submit.interaction_id, submit.session_id) if name]


def growth_of(submit: SubmitRequest) -> Growth | None:
    """How the priority of a request grows; None: as the router's own does."""
    if submit.priority_increment and submit.priority_interval_s:
        return Growth(submit.priority_increment, submit.priority_interval_s, submit.priority_limit)
    return None if submit.growth is None else even(submit.growth)


def to_submit(request: OpenRequest, lease: float) -> messages.Submit:
    """What the core is told of a request."""
    submit = request.submit
    steps = submit.as_steps()
    return messages.Submit(
        interaction=submit.request_id,
        queue=submit.vq,
        targets=() if steps else (submit.target,),
        arrived=submit.arrival_time,
        sequence=request.sequence,
        priority=submit.priority,
        timeout=submit.timeout_s or None,
        lease=lease,
        steps=steps,
        media=submit.media,
        growth=growth_of(submit),
        submitted=request.at,
    )


def reservation_id(request_id: str, attempt: int) -> str:
    """The name of a reservation, from which request and attempt can be read again."""
    return f"{request_id}:{attempt}"


def read_reservation(name: str) -> tuple[str, int]:
    """Request and attempt of a reservation; an empty request when the name is none of ours."""
    request_id, _, attempt = name.rpartition(":")
    return (request_id, int(attempt)) if attempt.isdigit() else ("", 0)


def to_reservation(submit: SubmitRequest, reserve: messages.Reserve, lease: float) -> ReserveAgent | Take:
    """What the agent's session is told. A callback's call does not exist yet, so none is expected."""
    if reserve.media != messages.VOICE:
        return Take(
            reservation_id(reserve.interaction, reserve.attempt),
            submit.interaction_id or submit.request_id,
            reserve.queue,
            reserve.media,
            lease,
        )
    return ReserveAgent(
        reservation=reservation_id(reserve.interaction, reserve.attempt),
        interaction=submit.interaction_id or submit.request_id,
        queue=reserve.queue,
        lease=lease,
        conn_id=submit.conn_id if submit.kind == "call" else "",
    )
