"""What a text is about, by a table of the designer: `classify` finds its category, `screen` the rules.

Events: `classification.classify.done` (`category`, `confidence`, `categories`, `rules`),
`classification.screen.done` (`matched`, `rules`), `error.classification.classify` and so on (`reason`:
unknown_table).
"""

from __future__ import annotations

from ringback.domain.tables import CLASSIFICATION
from ringback.scxml import ActionContext, ActionHandler, Element
from ringback.services.orchestration.modules.reading import VENDOR, emit, text

NAMESPACE = f"{VENDOR}/classification"


def judge(element: Element, context: ActionContext) -> None:
    """`<classify textexpr table>`, `<screen textexpr table>`: `table` has rules as CLASSIFICATION has."""
    payload = {
        "text": text(context, element, "text"),
        "table": text(context, element, "table", CLASSIFICATION),
    }
    emit(context, element, payload)


ELEMENTS: dict[tuple[str, str], ActionHandler] = {
    (NAMESPACE, "classify"): judge,
    (NAMESPACE, "screen"): judge,
}
