"""The rooms of the service that the management API works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ringback.services.engagement.booking import Booking
    from ringback.services.engagement.callins.desk import CallIns
    from ringback.services.engagement.catalogue import Catalogue
    from ringback.services.engagement.changes import Changes
    from ringback.services.engagement.keys import ApiKeys
    from ringback.services.engagement.metrics import Metrics
    from ringback.services.engagement.moving import Moving
    from ringback.services.engagement.outside.credentials import Credentials
    from ringback.services.engagement.publication import Publication
    from ringback.services.engagement.queues import QueueDesk
    from ringback.services.engagement.sessions import Sessions
    from ringback.services.engagement.store import Store
    from ringback.services.engagement.waits import WaitTimes


@dataclass(frozen=True, slots=True)
class Desks:
    """`wake`: look into the outbox, for something was changed that a session is to be told."""

    store: Store
    booking: Booking
    changes: Changes
    moving: Moving
    catalogue: Catalogue
    publication: Publication
    queues: QueueDesk
    waits: WaitTimes
    sessions: Sessions
    callins: CallIns
    credentials: Credentials
    keys: ApiKeys
    metrics: Metrics
    wake: Callable[[], None]
