"""The call itself: where it goes, who holds it, who joins it, what it carries.

Events: each element `X` is answered by `interaction.X.done` or `error.interaction.X` (`createcall`: by
`voice.createcall.done` or `error.voice.createcall`), the error with `reason` and `dialresult`. Besides there
are `interaction.abandoned`, `interaction.deleted`, and every other event of the call as `voice.<name>`.
"""

from __future__ import annotations

from ringback.scxml import ActionContext, ActionHandler, Element, EvaluationError
from ringback.services.orchestration.modules.reading import VENDOR, emit, needed, number, prompts, text

NAMESPACE = f"{VENDOR}/interaction"
OF_PARTY = (
    "hold",
    "retrieve",
    "releasecall",
    "completetransfer",
    "completeconference",
    "reconnect",
    "alternate",
)
THIRD_PARTY = (
    "singlesteptransfer",
    "singlestepconference",
    "initiatetransfer",
    "initiateconference",
    "redirectcall",
    "deletefromconference",
)
"""Elements that say whom, and elements that name another party besides."""


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


def detach(element: Element, context: ActionContext) -> None:
    """`<detach keys>`: take pairs out of the user data; all without any key."""
    value = context.attribute(element, "keys", "")
    keys = value.split() if isinstance(value, str) else list(value)
    emit(context, element, {"keys": [str(key) for key in keys]})


def of_party(element: Element, context: ActionContext) -> None:
    """`<hold from>` and the like: `from` is a DN of ours in the call; without it the called party."""
    emit(context, element, {"from": text(context, element, "from")})


def third_party(element: Element, context: ActionContext) -> None:
    """`<singlesteptransfer to from timeout>` and the like; `timeout`: seconds that the third party rings."""
    payload = {
        "from": text(context, element, "from"),
        "to": needed(context, element, "to"),
        "timeout": number(context, element, "timeout"),
    }
    emit(context, element, payload)


def senddtmf(element: Element, context: ActionContext) -> None:
    """`<senddtmf digits from>`: to the party on the route point, or to whom `from` talks."""
    payload = {"digits": needed(context, element, "digits"), "from": text(context, element, "from")}
    emit(context, element, payload)


def answer(element: Element, context: ActionContext) -> None:
    """`<answer from>`: the telephone `from`, which rings for this call, answers, if it can be told to.

    Without `from` the caller on the route point is answered, and hears nothing yet.
    """
    emit(context, element, {"from": text(context, element, "from")})


def _data(context: ActionContext, element: Element) -> dict[str, object]:
    value = context.attribute(element, "data", {})
    if not isinstance(value, dict):
        raise EvaluationError(f"<{element.name}> 'data' is not an object")
    return value


ELEMENTS: dict[tuple[str, str], ActionHandler] = {
    (NAMESPACE, "redirect"): redirect,
    (NAMESPACE, "createcall"): createcall,
    (NAMESPACE, "terminate"): terminate,
    (NAMESPACE, "clearcall"): terminate,
    (NAMESPACE, "attach"): attach,
    (NAMESPACE, "udata"): attach,
    (NAMESPACE, "detach"): detach,
    (NAMESPACE, "answer"): answer,
    (NAMESPACE, "senddtmf"): senddtmf,
    **{(NAMESPACE, name): of_party for name in OF_PARTY},
    **{(NAMESPACE, name): third_party for name in THIRD_PARTY},
}
