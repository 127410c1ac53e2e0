"""Between the words of the call core and those of the contracts."""

from typing import Any

from ringback.contracts import treatment as media
from ringback.contracts.dialplan import ResolveReply
from ringback.contracts.events import CallEvent
from ringback.domain.calls import inputs as i
from ringback.domain.calls.outputs import Event, Play
from ringback.domain.calls.treatment import THEN_MUSIC
from ringback.domain.calls.types import DestinationKind, ResultClass, TreatmentType

_RESULTS = {
    ResultClass.COMPLETED: "success",
    ResultClass.CANCELLED: "success",
    ResultClass.ABANDONED: "client_error",
    ResultClass.BUSY: "upstream_error",
    ResultClass.NO_ANSWER: "upstream_error",
    ResultClass.REJECTED: "upstream_error",
    ResultClass.UNREACHABLE: "upstream_error",
}
_FAILURES = {
    "media_unavailable": "server_error",
    "routing_timeout": "server_error",
    "network": "upstream_error",
    "dialog_lost": "upstream_error",
    "session_expired": "upstream_error",
    "node_lost": "server_error",
}
_NAMES = {kind: "".join(word.capitalize() for word in kind.name.split("_")) for kind in TreatmentType}


def event(said: Event, node: str) -> CallEvent:
    """The event as it goes to the stream and to Kafka."""
    return CallEvent(
        id=said.name,
        time=said.time,
        tenant=said.tenant,
        server=node,
        conn_id=said.conn_id,
        call_uuid=said.call_uuid,
        call_thread_id=said.thread_id,
        call_type=said.call_type,
        call_state=said.call_state,
        this_dn=said.this_dn,
        this_dn_role=said.this_role,
        this_queue=said.this_queue,
        other_dn=said.other_dn,
        third_party_dn=said.third_party_dn,
        third_party_dn_role=said.third_party_role,
        previous_conn_id=said.previous_conn_id,
        agent_id=said.agent_id,
        ani=said.ani,
        dnis=said.dnis,
        reference_id=said.reference,
        treatment_type=_NAMES[TreatmentType(said.treatment_type)] if said.treatment_type else "",
        digits=said.digits,
        result_class=result_class(said.result, said.reason),
        reason=said.reason,
        dial_result=said.dial_result,
        sequence=said.sequence,
        user_data=said.user_data,
        extensions={"SipStatus": said.error_code} if said.error_code else {},
    )


def result_class(result: str, reason: str) -> str:
    """Whose doing the end was; empty for what is no end."""
    if not result:
        return ""
    if result == ResultClass.FAILED:
        return _FAILURES.get(reason, "client_error")
    return _RESULTS[ResultClass(result)]


def destination(reply: ResolveReply) -> i.Destination:
    """What the dial plan found, as the call core knows it."""
    caller_id = "anonymous" if reply.hide_caller else reply.caller_id
    if reply.kind == "dn":
        return i.Destination(
            DestinationKind.DN,
            dn=reply.dn,
            target=f"dn={reply.dn}",
            on_no_answer=reply.on_no_answer,
            on_busy=reply.on_busy,
            caller_id=caller_id,
            ring_timeout_s=reply.no_answer_timeout,
            auto_answer=reply.auto_answer,
        )
    if reply.kind == "route_point":
        return i.Destination(DestinationKind.ROUTE_POINT, dn=reply.dn, default_dn=reply.default_dn)
    if reply.kind == "trunk":
        target = f"trunk={','.join(reply.trunks) or reply.trunk}"
        kind = DestinationKind.EXTERNAL
        return i.Destination(kind, dn=reply.number, target=target, caller_id=caller_id)
    if reply.kind == "mailbox":
        return i.Destination(DestinationKind.MAILBOX, mailbox=reply.mailbox)
    return i.Destination(DestinationKind.REJECT, status=reply.status or 404, reason=reply.reason)


def command(play: Play) -> media.Command:
    """What the media server is told."""
    parameters: dict[str, Any] = play.parameters
    prompts = tuple(parameters.get("prompts", ()))
    then: Any = "music" if parameters.get(THEN_MUSIC) else ""
    match play.type:
        case TreatmentType.MUSIC:
            return media.Music(reference=play.reference)
        case TreatmentType.SILENCE:
            return media.Stop(reference=play.reference)
        case TreatmentType.RINGBACK:
            return media.Play(reference=play.reference, prompts=("ringback",), loop=True)
        case TreatmentType.BUSY | TreatmentType.FAST_BUSY:
            return media.Play(reference=play.reference, prompts=("busy",), loop=True)
        case TreatmentType.COLLECT_DIGITS | TreatmentType.PLAY_ANNOUNCEMENT_AND_DIGITS:
            return media.Collect(
                reference=play.reference,
                prompts=prompts,
                max_digits=parameters.get("max_digits") or 1,
                timeout_s=parameters.get("timeout_s", 5.0),
                terminators=parameters.get("terminators", "#"),
                interdigit_s=parameters.get("interdigit_s", 0.0),
                then=then,
            )
        case TreatmentType.ANSWER_DETECTION | TreatmentType.BEEP_DETECTION:
            answer = play.type is TreatmentType.ANSWER_DETECTION
            return media.Detect(
                reference=play.reference,
                what="answer" if answer else "beep",
                timeout_s=parameters.get("timeout_s", 5.0),
            )
        case TreatmentType.RECORD_USER_ANNOUNCEMENT:
            longest = parameters.get("max_s", 0.0)
            return media.Record(
                reference=play.reference, mailbox=parameters.get("mailbox", ""), max_s=longest
            )
        case _:
            return media.Play(reference=play.reference, prompts=prompts, then=then)
