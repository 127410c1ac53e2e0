"""Sessions outlive the process that runs them."""

import pytest

from ringback.contracts.events import CallEvent, calls_stream
from ringback.contracts.telephony import RequestMakeCall
from ringback.runtime.http import HttpError
from ringback.runtime.streams import append_command
from ringback.services.orchestration.consumers import GROUP
from ringback.services.orchestration.records import Input, Record
from ringback.services.orchestration.service import OrchestrationService
from ringback.services.orchestration.store import Saved, SessionStore

from .conftest import CONN, Stage
from .test_orchestration_callback import SID, answer, dial, to_the_reservation
from .test_orchestration_inbound import SID as CALL
from .test_orchestration_inbound import ring, to_the_line


async def kill(service: OrchestrationService) -> None:
    """End all tasks where they are and say nothing to anybody, as a killed process does."""
    await service.ctx.cancel_tasks()
    valkey = service.ctx.process.valkey
    for child in list(valkey._children):
        if child._name.endswith(f"-{GROUP}"):  # an entry that comes now is not for a reader that is gone
            await valkey.release(child)
    await service._control.stop()
    await service._data.stop()


def orchestration(harness) -> OrchestrationService:
    service = harness["orchestration"]
    assert isinstance(service, OrchestrationService)
    return service


async def test_another_node_goes_on_with_the_sessions_of_a_dead_one(stage: Stage) -> None:
    await to_the_reservation(stage)
    call = await dial(stage)
    second = await stage.other_node("two")
    try:
        await kill(orchestration(stage.harness))
        await answer(stage, call)
        offer = await stage.calls.next()
        assert offer.agent_id == "ann"
        await stage.calls.tell("EventRouteUsed", reference_id=offer.reference_id, third_party_dn="1ann")
        assert [(await stage.engagement.next()).state for _ in range(2)] == ["CUSTOMER", "PROCESSING"]
        assert sum(isinstance(found, RequestMakeCall) for found in stage.calls.requests) == 1
    finally:
        await second.__aexit__(None, None, None)


async def test_events_of_one_moment_reach_the_session_together_and_a_second_time_not_at_all(
    stage: Stage,
) -> None:
    await to_the_reservation(stage)
    call = await dial(stage)
    common = {"time": 1.0, "tenant": "demo", "conn_id": CONN, "this_dn": "8000"}
    asked = {**common, "reference_id": call.reference_id}
    events = [
        CallEvent(id="EventDialing", **asked),
        CallEvent(id="EventEstablished", dial_result="PERSON", **asked),
    ]
    await stage.ctx.valkey.post([append_command(calls_stream("demo"), event) for event in events])
    offer = await stage.calls.next()
    assert offer.agent_id == "ann"
    node = orchestration(stage.harness)._node
    keys = (await node.stores["demo"].adopt(SID))[1]
    ours = sorted(key for key in keys.fed if key.startswith("call:"))
    assert (len(ours), keys.delivered) == (2, set())
    assert await node.deliver("demo", SID, Input(call=events[1]), ours[1])
    await stage.calls.tell("EventRouteUsed", reference_id=offer.reference_id, third_party_dn="1ann")
    assert [(await stage.engagement.next()).state for _ in range(2)] == ["CUSTOMER", "PROCESSING"]


async def test_a_node_that_starts_again_goes_on_with_its_sessions(stage: Stage) -> None:
    await stage.request_callback()
    await stage.engagement.next()
    request = await stage.router.next("submit")
    await kill(orchestration(stage.harness))
    await stage.router.reserve(request, "ann")
    again = await stage.other_node("one")
    try:
        await dial(stage)
        assert [step.state for step in stage.engagement.steps] == ["QUEUED", "ROUTING", "DIALLING"]
    finally:
        await again.__aexit__(None, None, None)


async def test_two_nodes_share_the_callbacks_and_each_is_dialled_once(stage: Stage) -> None:
    """Whichever node reads an entry or a result, it reaches the session's owner."""
    second = await stage.other_node("two")
    names = [f"c{number}" for number in range(10, 30)]
    try:
        for name in names:
            await stage.request_callback(callback_id=name)
        for _ in names:
            await stage.router.reserve(await stage.router.next("submit"), "ann")
        dialled = [(await stage.calls.next()).reference_id for _ in names]
        assert sorted(reference.split("-")[1] for reference in dialled) == names
        owners = {node["orchestration"]._node.sessions for node in (stage.harness, second)}
        assert 0 not in owners
    finally:
        await second.__aexit__(None, None, None)


async def test_a_node_that_was_passed_over_stops_without_a_word(stage: Stage) -> None:
    """Fencing: whoever lost the session can no longer store it, so it does nothing either."""
    await stage.request_callback()
    await stage.engagement.next()
    await stage.router.next("submit")
    first = orchestration(stage.harness)
    await stage.ctx.valkey.call("HSET", f"{{demo}}:orch:session:{SID}", "owner", "two")
    live = first._node._live[SID]
    live.wake()
    await stage.control.post(f"/scxml/session/{SID}/event/callback.cancel", {})
    live.wake()
    await stage.until(lambda: _gone(first))
    assert not await stage.over(SID)


async def _gone(service: OrchestrationService) -> bool:
    return SID not in service._node._live


async def test_sessions_that_only_wait_are_not_held_in_memory(stage: Stage) -> None:
    """And each goes on when its turn comes."""
    names = [f"c{number}" for number in range(10, 20)]
    requests = {}
    for name in names:
        await stage.request_callback(callback_id=name)
        await stage.engagement.next()
        request = await stage.router.next("submit")
        requests[request["interaction_id"]] = request
    node = orchestration(stage.harness)._node
    awake = [live for live in node._live.values() if live._interpreter is not None]
    assert (node.sessions, len(awake)) == (10, 3)
    for name in names:
        await stage.router.reserve(requests[name], "ann")
        assert (await stage.calls.next()).reference_id.startswith(f"cb-{name}-1:")


async def test_a_fault_of_ours_does_not_leave_the_call_hanging(stage: Stage, monkeypatch) -> None:
    def broken(*_: object) -> None:
        raise TypeError("a fault")

    await stage.calls.tell("EventRouteRequest", this_dn="8000", time=1000.0)
    await stage.calls.next()
    monkeypatch.setattr("ringback.services.orchestration.turn.feed", broken)
    await stage.calls.tell("EventNetworkReached")
    assert (await stage.calls.next()).other_dn == "1900"
    await stage.until(lambda: stage.over("ixn-U1"))


async def test_what_happens_while_valkey_is_away_is_made_up_for(stage: Stage, valkey) -> None:
    request = await to_the_reservation(stage)
    call = await dial(stage)
    await valkey.server.stop()
    await stage.until(lambda: connected(stage, False))
    await valkey.server.start()
    await stage.until(lambda: connected(stage, True))
    await answer(stage, call)
    offer = await stage.calls.next()
    await stage.calls.tell("EventError", reference_id=offer.reference_id, reason="no_answer")
    assert (await stage.router.next("return"))["request_id"] == request["request_id"]
    await stage.router.reserve(request, "bob")
    assert (await stage.calls.next()).agent_id == "bob"


async def connected(stage: Stage, wanted: bool) -> bool:
    return stage.ctx.valkey.connected is wanted


async def test_what_was_stored_but_not_done_is_done_by_the_next_node(stage: Stage) -> None:
    stage.calls.refuse["RequestMakeCall"] = HttpError(503, "node_away", "later")
    await to_the_reservation(stage)
    record = await stage.until(lambda: dialling(stage))
    await kill(orchestration(stage.harness))
    del stage.calls.refuse["RequestMakeCall"]
    second = await stage.other_node("two")
    try:
        call = await dial(stage)
        assert call.idempotency_key == record.reference(record.pending[-1].number)
        await answer(stage, call)
        await stage.calls.next()
        assert sum(isinstance(found, RequestMakeCall) for found in stage.calls.requests) == 1
    finally:
        await second.__aexit__(None, None, None)


async def dialling(stage: Stage) -> Record | None:
    """The stored session, once it wants to dial."""
    record = await orchestration(stage.harness)._node.stores["demo"].load(SID)
    wants = record is not None and any(action.name == "createcall" for action in record.pending)
    return record if wants else None


async def test_the_end_of_a_call_leaves_nothing_behind_and_asks_the_store_for_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call is the session's from its beginning: not once more, least of all when both are over."""
    owned: list[str] = []

    async def own_call(_store: SessionStore, conn_id: str, _sid: str) -> None:
        owned.append(conn_id)

    monkeypatch.setattr(SessionStore, "own_call", own_call)
    offer = await ring(stage, await to_the_line(stage), "ann")
    live = orchestration(stage.harness)._node._live[CALL]
    common = {"time": 1.0, "tenant": "demo", "conn_id": CONN, "reference_id": offer.reference_id}
    events = [
        CallEvent(id="EventRouteUsed", third_party_dn="1ann", **common),
        CallEvent(id="EventEstablished", this_dn="1ann", **common),
        CallEvent(id="EventCallDeleted", reason="caller_hung_up", **common),
    ]
    await stage.ctx.valkey.post([append_command(calls_stream("demo"), event) for event in events])
    await stage.router.next("confirm")
    await stage.until(lambda: stage.over(CALL))
    assert live.over
    assert not owned
    assert not await stage.ctx.valkey.call("HLEN", "{demo}:orch:conns")


async def test_what_comes_to_a_session_before_it_is_stored_first_is_told_to_it(stage: Stage) -> None:
    store = orchestration(stage.harness)._node.stores["demo"]
    record = Record(id="early", tenant="demo", kind="started")
    await store.create(record)
    assert await store.save(record) == Saved(ours=True, inbox=False)
    assert await store.deliver("early", Input(terminate=True), "k") == "one"
    assert await store.save(record) == Saved(ours=True, inbox=True)
    assert await store.save(record, inbox=False) == Saved(ours=True, inbox=False)
    await store.finish(record)
    assert not (await store.save(record)).ours
