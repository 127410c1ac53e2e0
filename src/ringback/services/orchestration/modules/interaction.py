"""The call itself: `redirect`, `createcall`, `terminate`, `attach`.

Events: `interaction.redirect.done`, `error.interaction.redirect`, `voice.createcall.done`,
`error.voice.createcall` (each error with `reason` and `dialresult`), `interaction.abandoned`,
`interaction.deleted`, and every other event of the call as `voice.<name>`.
"""

from __future__ import annotations

from ringback.scxml import ActionContext, ActionHandler, Element, EvaluationError
from ringback.services.orchestration.modules.reading import VENDOR, emit, needed, number, prompts, text

NAMESPACE = f"{VENDOR}/interaction"


def redirect(element: Element, context: ActionContext) -> None:
    """`<redirect to agent reservation timeout type="dn|mailbox">`; `timeout` in seconds."""
    payload = {
        "to": needed(context, element, "to"),
        "agent_id": text(context, element, "agent"),
        "reservation_id": text(context, element, "reservation"),
        "timeout": number(context, element, "timeout", 15.0),
        "route_type": "mailbox" if text(context, element, "type") == "mailbox" else "",
    }
    emit(context, element, payload)


def createcall(element: Element, context: ActionContext) -> None:
    """`<createcall from to callerid displayname timeout prompts data>`: dial a number from a route point.

    `agent` and `customer`: the number is the phone of this agent, who is called in the name of the customer.
    `detect`: seconds of listening who or what has answered, which `dialresult` then says.
    """
    payload = {
        "from": needed(context, element, "from"),
        "to": needed(context, element, "to"),
        "ani": text(context, element, "callerid"),
        "timeout": number(context, element, "timeout", 30.0),
        "prompts": prompts(context, element),
        "user_data": _data(context, element),
    }
    more = {
        "agent_id": text(context, element, "agent"),
        "customer": text(context, element, "customer"),
        "detect": number(context, element, "detect"),
        "display_name": text(context, element, "displayname"),
    }
    emit(context, element, payload | {name: value for name, value in more.items() if value})


def terminate(element: Element, context: ActionContext) -> None:
    """`<terminate reason>`: every party is released."""
    emit(context, element, {"reason": text(context, element, "reason")})


def attach(element: Element, context: ActionContext) -> None:
    """`<attach dataexpr>`: merge an object into the user data of the call."""
    emit(context, element, {"user_data": _data(context, element)})


def _data(context: ActionContext, element: Element) -> dict[str, object]:
    value = context.attribute(element, "data", {})
    if not isinstance(value, dict):
        raise EvaluationError(f"<{element.name}> 'data' is not an object")
    return value


ELEMENTS: dict[tuple[str, str], ActionHandler] = {
    (NAMESPACE, "redirect"): redirect,
    (NAMESPACE, "createcall"): createcall,
    (NAMESPACE, "terminate"): terminate,
    (NAMESPACE, "attach"): attach,
}
