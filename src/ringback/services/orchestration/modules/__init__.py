"""The executable elements that applications may use beside SCXML's own.

Each module is a namespace. An element becomes an `Action`; what comes of it arrives as an event.
"""

from ringback.scxml import Actions
from ringback.services.orchestration.modules import (
    callback,
    classification,
    dialog,
    interaction,
    missing,
    queue,
    resource,
    session,
    statistic,
    ws,
)

ACTIONS: Actions = {
    **callback.ELEMENTS,
    **classification.ELEMENTS,
    **dialog.ELEMENTS,
    **interaction.ELEMENTS,
    **missing.ELEMENTS,
    **queue.ELEMENTS,
    **resource.ELEMENTS,
    **session.ELEMENTS,
    **statistic.ELEMENTS,
    **ws.ELEMENTS,
}
