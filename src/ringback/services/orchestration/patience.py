"""How long an answer from the call is waited for, so that every action ends in an event. Pure.

Whoever carries an action out has limits of its own and tells when they are reached. These stand behind them,
for the case that nobody tells: the node that had the call has died with it.
"""

from __future__ import annotations

from collections.abc import Mapping

from ringback.scxml import Action
from ringback.services.orchestration.performer import module_of
from ringback.services.orchestration.records import Asked, Json, Pending

GRACE_S = 45.0
"""More than a transaction of SIP and a take-over of a node last together."""
_RING_S = 30.0
_SHORT = (
    "answer",
    "hold",
    "retrieve",
    "senddtmf",
    "completetransfer",
    "completeconference",
    "reconnect",
    "alternate",
)
_RINGING = (
    "redirect",
    "createcall",
    "singlesteptransfer",
    "singlestepconference",
    "initiatetransfer",
    "initiateconference",
)


def patience(module: str, element: str, payload: Mapping[str, Json]) -> float:
    """Seconds after which an action has failed though nobody says so; 0: it may take as long as it takes.

    Prompts are of any length, and a caller may type for ever: treatments end with the call.
    """
    if module == "queue" and element == "submit":
        timeout = float(payload.get("timeout_s") or 0)
        return timeout + GRACE_S if timeout else 0.0
    if module != "interaction":
        return 0.0
    if element in _RINGING:
        return float(payload.get("timeout") or _RING_S) + float(payload.get("detect") or 0) + GRACE_S
    return GRACE_S if element in _SHORT else 0.0


def asked_by(action: Action | Pending, now: float = 0.0) -> Asked:
    """Who asked for an action, for the event that answers it, and until when it is waited for."""
    module, verify = module_of(action.namespace), str(action.payload.get("verify", ""))
    limit = patience(module, action.name, action.payload) if now else 0.0
    return Asked(action.session, module, action.name, verify, now + limit if limit else 0.0, now)
