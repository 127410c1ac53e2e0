"""`<queue:submit>` with its targets, as the router is asked."""

from typing import Any

import msgspec
import pytest

from ringback.contracts.routing import TargetStep
from ringback.scxml import EvaluationError
from ringback.services.orchestration.modules import queue


class FakeElement:
    """An element: attributes are literal."""

    namespace = queue.NAMESPACE

    def __init__(self, kind: str, /, *children: "FakeElement", **attributes: str) -> None:
        self.name = kind
        self.attributes = attributes
        self._children = children

    def get(self, name: str) -> str | None:
        return self.attributes.get(name)

    def elements(self) -> tuple["FakeElement", ...]:
        return self._children


class FakeContext:
    """What an element is given; remembers what it asked for."""

    root_id = "root"

    def __init__(self) -> None:
        self.emitted: list[dict[str, Any]] = []
        self.raised: list[tuple[str, Any]] = []

    def raise_event(self, name: str, data: Any) -> None:
        self.raised.append((name, data))

    def attribute(self, element: FakeElement, name: str, default: object = None) -> object:
        return element.attributes.get(name, default)

    def evaluate(self, expression: str) -> str:
        return expression

    def emit(self, namespace: str, name: str, payload: dict[str, Any]) -> int:
        self.emitted.append(payload)
        return 1


def asked(*children: FakeElement, **attributes: str) -> dict[str, Any]:
    context = FakeContext()
    queue.submit(FakeElement("submit", *children, queue="Loans", **attributes), context)  # type: ignore[arg-type]
    return context.emitted[0]


def target(name: str, **attributes: str) -> FakeElement:
    return FakeElement("target", name=name, **attributes)


def test_one_plain_target_is_asked_for_as_ever() -> None:
    found = asked(FakeElement("targets", target("?:English>=1")), priority="5")
    assert (found["target"], "steps" in found, found["priority"]) == ("?:English>=1", False, 5)


def test_each_list_of_targets_is_a_step() -> None:
    found = asked(
        FakeElement("targets", target("kim"), type="agent", timeout="10"),
        FakeElement(
            "targets",
            target("Loans", weight="70", threshold="ready>1"),
            target("English=20", type="skill", statserver="SS"),
            type="agentgroup",
            timeout="30",
        ),
        FakeElement("targets", clear="true", queue="Overflow", priority="9"),
        ordertype="min",
        orderstat="StatAgentOccupancy",
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
    with pytest.raises(EvaluationError, match="campaign"):
        asked(FakeElement("targets", target("x"), type="campaign"))


def test_an_update_names_the_request_and_its_priority() -> None:
    context = FakeContext()
    element = FakeElement("update", requestid="root:1", priority="7", growth="0.5")
    queue.update(element, context)  # type: ignore[arg-type]
    assert context.emitted == [{"request_id": "root:1", "priority": 7, "growth": 0.5}]


def test_who_names_no_place_for_the_requests_id_is_told_it_by_an_event() -> None:
    context = FakeContext()
    queue.submit(FakeElement("submit", queue="sales"), context)  # type: ignore[arg-type]
    assert context.raised == [("queue.submit.requestid", {"requestid": "root:1"})]
