"""`<queue:submit>` with its targets, as the router is asked."""

from typing import Any

import msgspec

from ringback.contracts.routing import TargetStep
from ringback.scxml import Interpreter, compile_document
from ringback.services.orchestration.modules import ACTIONS, queue


def run(content: str) -> Interpreter:
    """A session that executes the content and remembers its events."""
    session = Interpreter(
        compile_document(
            f'<scxml xmlns="http://www.w3.org/2005/07/scxml" xmlns:queue="{queue.NAMESPACE}" version="1.0"'
            ' datamodel="ecmascript"><datamodel><data id="events" expr="[]"/></datamodel>'
            f'<state id="s"><onentry>{content}</onentry><transition event="*">'
            "<script>events.push([_event.name, _event.data])</script></transition></state></scxml>"
        ),
        "root",
        actions=ACTIONS,
    )
    session.start(0.0)
    return session


def asked(content: str) -> Any:
    """The payload of what an element asks for."""
    return run(content).outputs()[0].payload  # type: ignore[union-attr]


def submitted(targets: str, attributes: str = "") -> Any:
    return asked(f'<queue:submit queue="Loans" {attributes}>{targets}</queue:submit>')


def test_one_plain_target_is_asked_for_as_ever() -> None:
    targets = '<queue:targets><queue:target name="?:English&gt;=1"/></queue:targets>'
    found = submitted(targets, 'priority="5"')
    assert (found["target"], "steps" in found, found["priority"]) == ("?:English>=1", False, 5)


def test_each_list_of_targets_is_a_step() -> None:
    found = submitted(
        '<queue:targets type="agent" timeout="10"><queue:target name="kim"/></queue:targets>'
        '<queue:targets type="agentgroup" timeout="30">'
        '<queue:target name="Loans" weight="70" threshold="ready&gt;1"/>'
        '<queue:target name="English=20" type="skill" statserver="SS"/></queue:targets>'
        '<queue:targets clear="true" queue="Overflow" priority="9"/>',
        'ordertype="min" orderstat="StatAgentOccupancy"',
    )
    order = "min StatAgentOccupancy"
    assert msgspec.convert(found["steps"], list[TargetStep]) == [
        TargetStep(targets=("kim@ringback.A",), timeout_s=10.0, order=order),
        TargetStep(
            targets=("{ready>1}[70]Loans@ringback.GA", "?:English=20@SS.GA"), timeout_s=30.0, order=order
        ),
        TargetStep(clear=True, vq="Overflow", priority=9, order=order),
    ]


def test_a_type_that_nobody_knows_is_an_error() -> None:
    session = run(
        '<queue:submit queue="Loans"><queue:targets type="campaign"><queue:target name="x"/></queue:targets>'
        "</queue:submit>"
    )
    ((name, data),) = session.evaluate("events")
    assert name == "error.execution"
    assert "campaign" in data["reason"]


def test_an_update_names_the_request_and_its_priority() -> None:
    found = asked('<queue:update requestid="\'root:1\'" priority="7" growth="0.5"/>')
    assert found == {"request_id": "root:1", "priority": 7, "growth": 0.5}


def test_who_names_no_place_for_the_requests_id_is_told_it_by_an_event() -> None:
    events = run('<queue:submit queue="sales"/>').evaluate("events")
    assert events == [["queue.submit.requestid", {"requestid": "root:1"}]]
