"""How a target stands: an agent, a group, a virtual queue, named as a target of `<queue:submit>` is.

Events: `resource.gettarget.done` (`target`, `name`, `type`, then by type `status`, `ready`, `loggedin`,
`waiting`, `ewt`), `error.resource.gettarget` (`reason`: unknown_target). An agent's state is set at the
desktop alone: `setstate` answers `error.resource.setstate` (unsupported).
"""

from __future__ import annotations

from ringback.scxml import ActionContext, ActionHandler, Element, EvaluationError
from ringback.services.orchestration.modules.reading import VENDOR, emit, needed, text
from ringback.services.orchestration.modules.statistic import object_of

NAMESPACE = f"{VENDOR}/resource"
TYPES = ("agent", "group", "vq")


def gettarget(element: Element, context: ActionContext) -> None:
    """`<gettarget target="kim@ringback.A">`, or `target` with `type` (agent, group, vq)."""
    target = needed(context, element, "target")
    name, kind = object_of(target, text(context, element, "type"))
    if kind not in TYPES:
        raise EvaluationError(f"<gettarget> 'type' is one of {', '.join(TYPES)}")
    emit(context, element, {"target": target, "object": name, "object_type": kind})


ELEMENTS: dict[tuple[str, str], ActionHandler] = {(NAMESPACE, "gettarget"): gettarget}
