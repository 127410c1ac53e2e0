"""Every element of the interaction module is a telephony request, and each has an answer."""

import pytest

from ringback.contracts import telephony as t
from ringback.scxml import Action, Interpreter, compile_document
from ringback.services.orchestration.calling import AT_ONCE, REQUESTS, requests_of
from ringback.services.orchestration.modules import ACTIONS, interaction
from ringback.services.orchestration.records import Pending, Record
from ringback.services.orchestration.translation import DONE

RECORD = Record(id="ixn-1", tenant="demo", kind="inbound", conn_id="c1")
COMMON = {"tenant": "demo", "conn_id": "c1", "reference_id": "ixn-1:1", "idempotency_key": "ixn-1:1"}


def asked(element: str) -> list[t.CallRequest]:
    """What an application with this element asks for."""
    text = f"""<scxml xmlns="http://www.w3.org/2005/07/scxml" xmlns:ixn="{interaction.NAMESPACE}"
        version="1.0" datamodel="ecmascript"><state><onentry>{element}</onentry></state></scxml>"""
    session = Interpreter(compile_document(text), "s1", actions=ACTIONS)
    session.start(0.0)
    (action,) = [each for each in session.outputs() if isinstance(each, Action)]
    session.close()
    pending = Pending(
        number=1, session="s1", namespace=action.namespace, name=action.name, payload=dict(action.payload)
    )
    return requests_of(RECORD, pending)


@pytest.mark.parametrize(
    ("element", "request_"),
    [
        ('<ixn:terminate reason="over"/>', t.RequestClearCall(**COMMON, reason="over")),
        ('<ixn:udata dataexpr="{a: 1}"/>', t.RequestUpdateUserData(**COMMON, user_data={"a": 1})),
        ('<ixn:detach keys="a"/>', t.RequestDeletePair(**COMMON, key="a")),
        ("<ixn:detach/>", t.RequestDeleteUserData(**COMMON)),
        ("<ixn:answer/>", t.RequestApplyTreatment(**COMMON, treatment_type="Silence")),
        ('<ixn:answer from="1001"/>', t.RequestAnswerCall(**COMMON, this_dn="1001")),
        ('<ixn:senddtmf digits="1#"/>', t.RequestSendDtmf(**COMMON, dtmf_digits="1#")),
        ('<ixn:hold from="1001"/>', t.RequestHoldCall(**COMMON, this_dn="1001")),
        ("<ixn:releasecall/>", t.RequestReleaseCall(**COMMON, this_dn="")),
        (
            '<ixn:singlesteptransfer from="1001" to="1002" timeout="9"/>',
            t.RequestSingleStepTransfer(**COMMON, this_dn="1001", other_dn="1002", timeout=9.0),
        ),
        (
            '<ixn:initiateconference from="1001" to="1002"/>',
            t.RequestInitiateConference(**COMMON, this_dn="1001", other_dn="1002"),
        ),
        ('<ixn:completetransfer from="1001"/>', t.RequestCompleteTransfer(**COMMON, this_dn="1001")),
        (
            '<ixn:redirectcall from="1001" to="1002"/>',
            t.RequestRedirectCall(**COMMON, this_dn="1001", other_dn="1002"),
        ),
    ],
)
def test_an_element_asks_for_its_request(element: str, request_: t.CallRequest) -> None:
    assert asked(element) == [request_]


def test_several_keys_are_several_requests_with_keys_of_their_own() -> None:
    requests = asked('<ixn:detach keys="a b"/>')
    assert [request.key for request in requests] == ["a", "b"]  # type: ignore[union-attr]
    assert len({request.idempotency_key for request in requests}) == 2


def test_every_element_can_be_performed_and_is_answered() -> None:
    elements = {name for _, name in interaction.ELEMENTS}
    assert elements == set(REQUESTS) | {"redirect", "createcall"}
    assert elements == AT_ONCE | set(DONE)
