import msgspec
import pytest

from ringback.contracts import telephony as t
from ringback.contracts import treatment as media
from ringback.contracts.dialplan import ResolveReply
from ringback.domain.calls import inputs as i
from ringback.domain.calls.outputs import Event, Play
from ringback.domain.calls.types import CallType, DestinationKind, RouteType, TreatmentType
from ringback.services.sip_cluster import asked as asking
from ringback.services.sip_cluster import translate

COMMON = {"tenant": "demo", "conn_id": "00000000000000aa"}


def said(**more: object) -> Event:
    facts = {"call_uuid": "U", "thread_id": "T", "call_type": CallType.INBOUND, "sequence": 4, "time": 1.5}
    return Event(name="EventTreatmentEnd", **COMMON, **facts, **more)  # type: ignore[arg-type]


def test_an_event_carries_t_librarys_attribute_names() -> None:
    event = translate.event(said(treatment_type=8, digits="42", reference="r", this_dn="8000"), "n1")
    wire = msgspec.json.decode(msgspec.json.encode(event))
    assert wire["ConnID"] == "00000000000000aa"
    assert (wire["ThisDN"], wire["ReferenceID"], wire["Digits"]) == ("8000", "r", "42")
    assert (wire["TreatmentType"], wire["Server"], wire["Sequence"]) == ("PlayAnnouncementAndDigits", "n1", 4)


@pytest.mark.parametrize(
    ("result", "reason", "expected"),
    [
        ("", "", ""),
        ("completed", "caller_hung_up", "success"),
        ("abandoned", "caller_hung_up", "client_error"),
        ("busy", "busy", "upstream_error"),
        ("failed", "unknown_number", "client_error"),
        ("failed", "media_unavailable", "server_error"),
        ("failed", "network", "upstream_error"),
    ],
)
def test_the_result_class_says_whose_doing_it_was(result: str, reason: str, expected: str) -> None:
    assert translate.result_class(result, reason) == expected


@pytest.mark.parametrize(
    ("reply", "kind", "target"),
    [
        (ResolveReply(kind="dn", dn="1001"), DestinationKind.DN, "dn=1001"),
        (ResolveReply(kind="route_point", dn="8000"), DestinationKind.ROUTE_POINT, ""),
        (ResolveReply(kind="trunk", number="+1", trunk="c"), DestinationKind.EXTERNAL, "trunk=c"),
        (ResolveReply(kind="mailbox", mailbox="8500"), DestinationKind.MAILBOX, ""),
        (ResolveReply(kind="unknown", status=404), DestinationKind.REJECT, ""),
    ],
)
def test_each_answer_of_the_dial_plan_has_its_kind(
    reply: ResolveReply, kind: DestinationKind, target: str
) -> None:
    found = translate.destination(reply)
    assert (found.kind, found.target) == (kind, target)


def test_a_route_request_becomes_one_of_the_call() -> None:
    asked = t.RequestRouteCall(**COMMON, other_dn="1001", agent_id="anna", timeout=7)
    assert asking.request(asked, "r") == i.RequestRouteCall("r", "1001", RouteType.UNKNOWN, 7, "anna")


@pytest.mark.parametrize("name", ["PlayAnnouncement", "playannouncement", "PLAY_ANNOUNCEMENT"])
def test_treatments_go_by_their_t_library_names(name: str) -> None:
    asked = t.RequestApplyTreatment(**COMMON, treatment_type=name)
    assert asking.treatment_type(asked) is TreatmentType.PLAY_ANNOUNCEMENT


def test_an_unknown_treatment_is_refused() -> None:
    with pytest.raises(asking.UnknownTreatmentError):
        asking.request(t.RequestApplyTreatment(**COMMON, treatment_type="Juggle"), "r")


@pytest.mark.parametrize(
    ("kind", "parameters", "command"),
    [
        (TreatmentType.MUSIC, {}, media.Music(reference="r")),
        (TreatmentType.SILENCE, {}, media.Stop(reference="r")),
        (TreatmentType.RINGBACK, {}, media.Play(reference="r", prompts=("ringback",), loop=True)),
        (
            TreatmentType.PLAY_ANNOUNCEMENT,
            {"prompts": ["a", "number:7"], "then_music": True},
            media.Play(reference="r", prompts=("a", "number:7"), then="music"),
        ),
        (
            TreatmentType.COLLECT_DIGITS,
            {"max_digits": 4, "timeout_s": 3.0, "terminators": "*"},
            media.Collect(reference="r", max_digits=4, timeout_s=3.0, terminators="*"),
        ),
        (
            TreatmentType.RECORD_USER_ANNOUNCEMENT,
            {"mailbox": "8500", "max_s": 9.0},
            media.Record(reference="r", mailbox="8500", max_s=9.0),
        ),
    ],
)
def test_each_treatment_is_a_command_of_the_media_server(
    kind: TreatmentType, parameters: dict[str, object], command: media.Command
) -> None:
    assert translate.command(Play("leg", "r", kind, parameters)) == command
