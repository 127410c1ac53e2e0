"""What is kept of a session, and what comes into its inbox."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any, Literal

import msgspec

from ringback.contracts.applications import SessionStep, StepKind
from ringback.contracts.events import CallEvent
from ringback.contracts.routing import RouteResult

Json = Any
Kind = Literal["inbound", "callback", "started"]
RouteState = Literal["waiting", "ringing", "pausing", "done"]
RECENT = 30
SHARE = 1_000_000
"""An action that the platform adds to one of the application's has its number times this, plus its own."""


class Input(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of a session's inbox: one of them is set."""

    call: CallEvent | None = None
    result: RouteResult | None = None
    event: dict[str, Json] | None = None
    """An event of the application itself."""
    session: str = ""
    """The session of the tree that `event` is for; empty: the root."""
    terminate: bool = False
    """End the session."""


class Pending(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An action that is not done yet; done twice it does no harm, by its key."""

    number: int
    session: str
    namespace: str
    name: str
    payload: dict[str, Json]
    step: int = 0
    """Of a callback's report: counts from 1."""


class Asked(msgspec.Struct, frozen=True, omit_defaults=True):
    """An action whose result comes later: the session of the tree and the element that asked."""

    session: str
    module: str
    element: str
    verify: str = ""
    """The digits that a collection is to bring."""
    due: float = 0.0
    """When it is given up, seconds since the epoch; 0: it has a limit of its own elsewhere."""
    since: float = 0.0
    """When it was asked for, until something has come of it; seconds since the epoch."""

    def until(self, due: float) -> Asked:
        """The same, given up at another time."""
        return msgspec.structs.replace(self, due=due)


@lru_cache(maxsize=32)
def text_name(text: str) -> str:
    """The name under which the text of a document is kept."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Route(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A `<queue:submit route="true">` that is not over, or has been routed."""

    session: str
    """The session of the tree that asked."""
    interaction_id: str
    state: RouteState = "waiting"
    offer: dict[str, Json] = {}
    """Who is reserved: data of `queue.submit.done`."""
    kept: Json = None
    """An event of the router that came while a telephone rang."""
    actions: int = 0
    """How many have been asked for."""
    ringing: int = 0
    """The number of the last redirect."""
    failures: int = 0
    failure: str = ""
    due: float = 0.0
    """When the agent is given back, seconds since the epoch."""


class RunningDialog(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A VoiceXML dialog that a session has started and that is not over."""

    number: int
    """The number of the action that started it."""
    session: str
    """The session of the tree that started it."""
    mailbox: str = ""
    snapshot: Json = None
    """As the interpreter gave it, but for the texts of the documents."""
    documents: dict[str, str] = {}
    """Name in the store of each document's text, by its key in the snapshot."""


class Record(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A session as it is stored at every stable configuration."""

    id: str
    tenant: str
    kind: Kind
    app: str = ""
    """Address of the application; empty: as the route point says."""
    route_point: str = ""
    conn_id: str = ""
    ani: str = ""
    dnis: str = ""
    call_uuid: str = ""
    request: str = ""
    """Id of the stream entry that started it: the same entry read again starts nothing."""
    started: float = 0.0
    """Seconds since the epoch."""
    data: dict[str, Json] = {}
    """What the application sees as `_genesys`, or first values of its data."""
    callback_id: str = ""
    attempt: int = 0
    version: str = ""
    """Of an application that is shared between two versions: `published`, `draft` or a number."""
    document: str = ""
    """Hash of the application's text, once it runs."""
    snapshot: Json = None
    inbox_id: str = "0-0"
    pending: list[Pending] = []
    asked: dict[str, Asked] = {}
    """By the number of the action."""
    steps: int = 0
    conns: list[str] = []
    routed: bool = False
    gone: bool = False
    ended: bool = False
    default_dn: str = ""
    failed: str = ""
    """Why the application could not run; empty when it could."""
    subscriptions: dict[str, dict[str, Json]] = {}
    """Statistics that the session is told of, by the number of the action."""
    generation: int = 0
    """How many sessions began one another down to this one."""
    dialog: RunningDialog | None = None
    routes: dict[str, Route] = {}
    """Requests whose interaction the platform itself routes, by the number of the action."""
    figures: dict[str, Json] = {}
    """Statistics that scripts have asked for, as last known."""
    recent: list[SessionStep] = []
    """The last that came in and went out, the oldest first; names only, never what they carry."""

    def note(self, kind: StepKind, name: str, now: float) -> None:
        """Remember what came in or went out, for whoever looks into the session."""
        self.recent.append(SessionStep(time=now, kind=kind, name=name))
        del self.recent[:-RECENT]

    def answered(self, reference: str) -> None:
        """Something has come of an action: it is not overdue any more, though more may come of it."""
        number = reference.rpartition(":")[2]
        asked = self.asked.get(number)
        if asked is not None and asked.since:
            self.asked[number] = msgspec.structs.replace(asked, due=0.0, since=0.0)

    @property
    def interaction(self) -> str:
        """What the session is about; sessions about the same one run the same version."""
        return self.callback_id or self.call_uuid or self.id

    def reference(self, number: int) -> str:
        """The id of one action for ever: also its idempotency key."""
        return f"{self.id}:{number}"


class OrchestrationNode(msgspec.Struct, frozen=True, kw_only=True):
    """A living node, in the directory (`kind` orchestration)."""

    node: str
    sessions: int
