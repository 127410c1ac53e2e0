"""`<queue:submit route="true">`, pure: the platform itself gives the call to whoever is reserved for it.

The application waits for one event: `queue.submit.done` when somebody has answered, `error.queue.submit` when
nobody did in time. What the platform asks for meanwhile are actions of the session like any other, stored
with it and done once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from ringback.scxml import Action, Event
from ringback.services.orchestration.modules import interaction, queue
from ringback.services.orchestration.patience import GRACE_S, asked_by
from ringback.services.orchestration.records import SHARE, Json, Pending, Record, Route, RouteState
from ringback.services.orchestration.translation import error_event

RING_S = 15.0
"""How long a telephone rings before the next agent is looked for."""
_LONGEST_PAUSE_S = 3.0
_REMEMBERED = 20
"""Requests that are over: what comes late of them is not for the application."""
_DIGITS = 20
_USED = frozenset({"interaction.redirect.done", "voice.routeused"})
Told = list[tuple[str, Event]]
"""Events for the application, each with its session of the tree."""
Came = Literal["reserved", "ended", "used", "refused", "late", "lost", "gone", "due", "overdue"]
"""`ended`: the router has given the request up; `late`: a telephone answers that was given up; `lost`:
refused, and there is no place to go back to; `gone`: the caller has; `overdue`: the router says nothing."""
_OUTCOMES: dict[str, Came] = {
    "queue.submit.done": "reserved",
    "queue.cancel.done": "ended",
    "error.queue.submit": "ended",
}


def begin(record: Record, action: Action) -> None:
    """Note a `<submit>` that is to be routed; without a call the application has the reservation, as ever."""
    if (action.namespace, action.name) != (queue.NAMESPACE, "submit") or not action.payload.get("route"):
        return
    over = [number for number, route in record.routes.items() if route.state == "done"]
    for number in over[:-_REMEMBERED]:
        del record.routes[number]
    if record.conn_id:
        about = action.payload["interaction_id"] or record.call_uuid or record.conn_id
        record.routes[str(action.number)] = Route(session=action.session, interaction_id=about)


def take(record: Record, event: Event, now: float) -> Told | None:
    """What the application is told instead of an event; None when the event is not for the platform."""
    data = event.data if isinstance(event.data, dict) else {}
    number = str(data.get("requestid", "")).rpartition(":")[2]
    if number in record.routes:
        came = _OUTCOMES.get(event.name)
        return None if came is None else _Routing(record, number, now).take(came, event)
    submit = str(int(number) // SHARE) if number.isdecimal() and len(number) < _DIGITS else ""
    if submit not in record.routes:
        return None
    is_current = number == str(record.routes[submit].ringing)
    if event.name in _USED:
        is_expected = is_current and record.routes[submit].state == "ringing"
        return _Routing(record, submit, now).take("used" if is_expected else "late", event)
    if not event.name.startswith(("error.", "voice.error")):
        return None
    return _Routing(record, submit, now).take("refused", event) if is_current else []


def dues(record: Record) -> list[float]:
    """When agents are to be given back, or have been rung for too long; seconds since the epoch."""
    pauses = [route.due for route in record.routes.values() if route.state == "pausing"]
    rings = [record.asked.get(str(route.ringing)) for route in record.routes.values()]
    return pauses + [asked.due for asked in rings if asked is not None and asked.due]


def handle_timer(record: Record, now: float) -> Told:
    """Give back who is to be given back, and whose telephone nobody has said anything of for too long."""
    told: Told = []
    for number, route in list(record.routes.items()):
        asked, submit = record.asked.get(str(route.ringing)), record.asked.get(number)
        if submit is not None and 0 < submit.due <= now:
            overdue = error_event(submit, "timeout", record.reference(int(number)))
            told += _Routing(record, number, now).take("overdue", overdue)
        elif route.state == "pausing" and route.due <= now:
            told += _Routing(record, number, now).take("due", None)
        elif route.state == "ringing" and asked is not None and 0 < asked.due <= now:
            overdue = error_event(asked, "timeout", record.reference(int(number)))
            told += _Routing(record, number, now).take("refused", overdue)
    return told


class _Routing:
    """One step of one request."""

    def __init__(self, record: Record, number: str, now: float) -> None:
        self._record, self._number, self._now = record, number, now
        self._route = record.routes[number]
        self._told: Told = []

    def take(self, came: Came, event: Event | None) -> Told:
        """What the application is told."""
        step = _STEPS.get((self._route.state, self._really(came)))
        if step is not None:
            self._route.state, work = step
            for each in work:
                each(self, event or Event(""))
            if self._route.state == "done":
                self._stop_ringing()
                self._record.answered(self._number)
                self._route.offer, self._route.kept = {}, None
        return self._told

    def _really(self, came: Came) -> Came:
        waits = came == "reserved" and self._route.state != "ringing"
        if self._record.gone and (waits or came in ("refused", "due", "overdue")):
            return "gone"
        return "lost" if came == "refused" and not self._route.offer.get("agent") else came

    # What is done in a step

    def ring(self, event: Event) -> None:
        """Let the telephone of who is reserved ring."""
        route, self._route.offer = self._route, dict(event.data)
        payload = {
            "to": route.offer.get("dn", ""),
            "agent_id": route.offer.get("agent", ""),
            "reservation_id": route.offer.get("reservation", ""),
            "timeout": RING_S,
            "route_type": "",
        }
        route.ringing = self._ask(interaction.NAMESPACE, "redirect", payload)
        # The request must not be given up for overdue while a telephone rings for it.
        submit, ring = self._record.asked.get(self._number), self._record.asked[str(route.ringing)]
        if submit is not None and submit.due:
            self._record.asked[self._number] = submit.until(max(submit.due, ring.due + GRACE_S))

    def keep(self, event: Event) -> None:
        """Remember what the router says while a telephone rings."""
        self._route.kept = event.to_json()

    def pause(self, event: Event) -> None:
        """The first who fails is given back at once; who refuses again and again is not rung in a loop."""
        route = self._route
        self._stop_ringing()
        route.failure = str(event.data.get("reason") or "failed")
        route.due = self._now + min(float(route.failures), _LONGEST_PAUSE_S)
        route.failures += 1
        if route.kept is not None:
            kept, route.kept = Event.from_json(route.kept), None
            self.take("reserved" if kept.name == "queue.submit.done" else "ended", kept)
        elif route.due <= self._now:
            self.take("due", None)

    def give_back(self, _event: Event) -> None:
        """Back to the same place in the queue, this agent last."""
        self._of_queue("return", agent_id=self._route.offer["agent"], reason=self._route.failure)

    def connected(self, _event: Event) -> None:
        """Whom the router has found besides is let go with the request."""
        if self._route.kept is not None:
            self._of_queue("cancel", reason="answered")
        elif agent := self._route.offer.get("agent"):
            self._of_queue("confirm", agent_id=agent)

    def let_go(self, _event: Event) -> None:
        """The request leaves the queue."""
        reason = "answered" if self._record.routed else "caller_gone" if self._record.gone else "timeout"
        self._of_queue("cancel", reason=reason)

    def tell_done(self, _event: Event) -> None:
        """The application hears who has answered."""
        offer = self._route.offer
        more = {
            "requestid": self._record.reference(int(self._number)),
            "interactionid": self._route.interaction_id,
            "targetcomponentselected": offer.get("targetselected", ""),
        }
        self._told.append((self._route.session, Event("queue.submit.done", data={**offer, **more})))

    def tell_end(self, event: Event) -> None:
        """The application hears that nobody did; the request is over."""
        data = {**event.data, "requestid": self._record.reference(int(self._number))}
        name = event.name if event.name == "queue.cancel.done" else "error.queue.submit"
        self._told.append((self._route.session, Event(name, data=data)))

    def _stop_ringing(self) -> None:
        self._record.asked.pop(str(self._route.ringing), None)

    def _of_queue(self, name: str, **payload: Json) -> None:
        request_id = self._record.reference(int(self._number))
        self._ask(queue.NAMESPACE, name, {"request_id": request_id, **payload})

    def _ask(self, namespace: str, name: str, payload: dict[str, Json]) -> int:
        route = self._route
        route.actions += 1
        number = int(self._number) * SHARE + route.actions
        asked = Pending(number=number, session=route.session, namespace=namespace, name=name, payload=payload)
        self._record.asked[str(number)] = asked_by(asked, self._now)
        self._record.pending.append(asked)
        self._record.note("action", f"queue.submit {name}", self._now)
        return number


_Work = Callable[[_Routing, Event], None]
_STEPS: dict[tuple[RouteState, Came], tuple[RouteState, tuple[_Work, ...]]] = {
    ("waiting", "reserved"): ("ringing", (_Routing.ring,)),
    ("waiting", "ended"): ("done", (_Routing.tell_end,)),
    ("waiting", "late"): ("done", (_Routing.let_go, _Routing.tell_done)),
    ("waiting", "overdue"): ("done", (_Routing.let_go, _Routing.tell_end)),
    ("waiting", "gone"): ("done", (_Routing.let_go,)),
    ("ringing", "reserved"): ("ringing", (_Routing.keep,)),
    ("ringing", "ended"): ("ringing", (_Routing.keep,)),
    ("ringing", "used"): ("done", (_Routing.connected, _Routing.tell_done)),
    ("ringing", "refused"): ("pausing", (_Routing.pause,)),
    ("ringing", "late"): ("done", (_Routing.let_go, _Routing.tell_done)),
    ("ringing", "lost"): ("done", (_Routing.tell_end,)),
    ("ringing", "overdue"): ("done", (_Routing.let_go, _Routing.tell_end)),
    ("ringing", "gone"): ("done", (_Routing.let_go,)),
    ("pausing", "reserved"): ("ringing", (_Routing.ring,)),
    ("pausing", "ended"): ("done", (_Routing.tell_end,)),
    ("pausing", "late"): ("done", (_Routing.let_go, _Routing.tell_done)),
    ("pausing", "due"): ("waiting", (_Routing.give_back,)),
    ("pausing", "overdue"): ("done", (_Routing.let_go, _Routing.tell_end)),
    ("pausing", "gone"): ("done", (_Routing.let_go,)),
}
"""By state and what has come: the next state, and what is done. What has no row changes nothing."""
