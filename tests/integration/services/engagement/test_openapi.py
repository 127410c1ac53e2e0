"""The served document says what the API takes and answers: requests and answers are held against it."""

from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringback.testing.schema import faults

UNKNOWN = {"id": "00000000-0000-4000-8000-000000000000"}
CREATE = {"serviceName": "sales", "phoneNumber": "+12025550123"}


async def document(world: Any) -> dict[str, Any]:
    async with world.context.http_session().get(f"{world.base}/engagement/v3/openapi.json") as reply:
        assert (reply.status, reply.content_type) == (200, "application/json")
        found: dict[str, Any] = await reply.json()
        return found


async def ask(world: Any, doc: dict[str, Any], method: str, path: str, **how: Any) -> tuple[int, Any]:
    """Send a request of a documented operation; its answer must be one that the document names."""
    operation = doc["paths"][path][method.lower()]
    full = path
    for name, value in how.get("parts", {}).items():
        full = full.replace(f"{{{name}}}", quote(str(value), safe=""))
    query = f"?{urlencode(how['query'])}" if how.get("query") else ""
    key = {"key": how["key"]} if "key" in how else {}
    status, envelope = await world.api(method, full.lstrip("/") + query, how.get("body"), **key)
    assert str(status) in operation["responses"], (method, path, status, envelope)
    schema = operation["responses"][str(status)]["content"]["application/json"]["schema"]
    assert list(faults(envelope, schema, doc)) == []
    return status, envelope


async def test_the_document_is_served_without_a_key_and_is_openapi_3_1(world: Any) -> None:
    doc = await document(world)
    assert doc["openapi"] == "3.1.0"
    assert doc["servers"] == [{"url": "/engagement/v3"}]
    names = [operation["operationId"] for path in doc["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names))
    for path, operations in doc["paths"].items():
        for operation in operations.values():
            placed = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
            assert placed == {part.strip("{}") for part in path.split("/") if part.startswith("{")}


async def test_every_operation_answers_as_the_document_says(world: Any) -> None:
    doc = await document(world)
    world.peers.waits = {"sales": {"ewt": 30}, "new": {"ewt": -1}}
    world.peers.logged_in = {"sales": 1}
    _, made = await ask(
        world, doc, "POST", "/callbacks/create", body={**CREATE, "userData": {"a": [1, None]}}
    )
    callback = {"id": made["data"]["id"]}
    assert (await ask(world, doc, "POST", "/callbacks/retrieve", body=callback))[0] == 200
    assert (await ask(world, doc, "POST", "/callbacks/cancel", body=callback))[0] == 200
    _, over = await ask(world, doc, "POST", "/callbacks/retrieve", body=callback)
    assert over["data"]["callbackReason"] == "CANCELLED"
    sales, queue = {"service": "sales"}, {"queue": "sales"}
    days = {"numberOfDays": 1, "reportBusy": "true", "timezone": "Asia/Kathmandu"}
    _, slots = await ask(world, doc, "GET", "/callbacks/availability/{service}", parts=sales, query=days)
    assert len(slots["data"]["slots"]) > 280
    assert (await ask(world, doc, "GET", "/callbacks/open-for/{service}", parts=sales))[0] == 200
    assert (await ask(world, doc, "GET", "/callbacks/queue-status/{queue}", parts=queue))[0] == 200
    both = {"virtual-queues": "sales,new", "include-calls-on-hold": "true"}
    assert (await ask(world, doc, "GET", "/estimated-wait-time", query=both))[0] == 200
    older = "/estimated-wait-time/virtual-queues/{queues}"
    assert (await ask(world, doc, "GET", older, parts={"queues": "sales"}))[0] == 200


async def test_every_refusal_is_in_the_document(world: Any) -> None:
    doc = await document(world)
    for path, operations in doc["paths"].items():
        for method, operation in operations.items():
            parts = {each["name"]: "nothing" for each in operation["parameters"] if each["in"] == "path"}
            how: dict[str, Any] = {"parts": parts, "body": {} if "requestBody" in operation else None}
            assert (await ask(world, doc, method, path, **how))[0] == 400
            refusal = 400 if operation.get("security") == [] else 401
            assert (await ask(world, doc, method, path, **how, key="wrong"))[0] == refusal
    for path in ("/callbacks/retrieve", "/callbacks/cancel"):
        assert (await ask(world, doc, "POST", path, body=UNKNOWN))[0] == 404
    full = {**CREATE, "serviceName": "sales"}
    await world.query(
        "INSERT INTO engagement.slots SELECT 'demo', 'sales', 5, n * 300, 100 "
        "FROM generate_series($1::bigint, $2::bigint) n",
        int(world.now()) // 300 - 1,
        int(world.now() + 91 * 86_400) // 300,
    )
    status, envelope = await ask(world, doc, "POST", "/callbacks/create", body=full)
    assert (status, envelope["data"]) == (429, {"slots": {}})
    await world.peers.stop()
    where = {"parts": {"queue": "sales"}}
    assert (await ask(world, doc, "GET", "/callbacks/queue-status/{queue}", **where))[0] == 503


def values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that mostly fit a property."""
    kinds = {each.get("type") for each in schema.get("anyOf", [schema])}
    choices: list[st.SearchStrategy[Any]] = [st.none() | st.integers() | st.text(max_size=3)]
    if "string" in kinds:
        choices += [st.text(max_size=30), st.sampled_from(["sales", "+12025550123", "2030-01-01T00:00:00Z"])]
    if "number" in kinds:
        choices += [st.floats(allow_nan=False, allow_infinity=False), st.integers(-5, 5)]
    if "boolean" in kinds:
        choices += [st.booleans()]
    if "object" in kinds:
        choices += [st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=5))]
    return st.one_of(choices)


@pytest.mark.slow
@settings(
    max_examples=150,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
async def test_a_body_that_does_not_fit_is_a_400_and_one_that_fits_gets_a_documented_answer(
    world: Any, data: st.DataObject
) -> None:
    doc = await document(world)
    schema = doc["components"]["schemas"]["CreateCallback"]
    optional = {name: values(each) for name, each in schema["properties"].items()}
    body = {**CREATE, **data.draw(st.fixed_dictionaries({}, optional=optional))}
    fits = not list(faults(body, schema, doc))
    status, envelope = await ask(world, doc, "POST", "/callbacks/create", body=body)
    assert fits or status == 400, (body, envelope)
    assert status != 500
    if not fits:
        assert envelope["status"]["code"] in {40001, 40002}
