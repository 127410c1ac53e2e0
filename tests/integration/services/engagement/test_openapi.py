"""The served document says what the API takes and answers: requests and answers are held against it."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

KNOWN = {
    "$ref",
    "type",
    "enum",
    "anyOf",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "maxItems",
    "minItems",
    "format",
    "title",
    "description",
    "default",
}
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def faults(value: Any, schema: dict[str, Any], document: dict[str, Any], at: str = "$") -> Iterator[str]:
    """What is wrong with a value; nothing when it fits."""
    assert not schema.keys() - KNOWN, f"{at}: words that are not judged here: {schema.keys() - KNOWN}"
    if "$ref" in schema:
        found = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        yield from faults(value, found, document, at)
        return
    if "anyOf" in schema and all(list(faults(value, each, document, at)) for each in schema["anyOf"]):
        yield f"{at}: fits none of anyOf"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value!r} is none of {schema['enum']}"
    kind = schema.get("type")
    if kind and (
        not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind in {"integer", "number"})
    ):
        yield f"{at}: {value!r} is no {kind}"
        return
    yield from _limits(value, schema, at)
    if isinstance(value, dict):
        yield from _members(value, schema, document, at)
    if isinstance(value, list) and "items" in schema:
        for number, item in enumerate(value):
            yield from faults(item, schema["items"], document, f"{at}[{number}]")


def _members(
    value: dict[str, Any], schema: dict[str, Any], document: dict[str, Any], at: str
) -> Iterator[str]:
    properties = schema.get("properties", {})
    for name in schema.get("required", []):
        if name not in value:
            yield f"{at}: {name} is missing"
    for name, member in value.items():
        rest = schema.get("additionalProperties", True)
        if name in properties:
            yield from faults(member, properties[name], document, f"{at}.{name}")
        elif isinstance(rest, dict):
            yield from faults(member, rest, document, f"{at}.{name}")
        elif rest is False:
            yield f"{at}: {name} is not known"


def _limits(value: Any, schema: dict[str, Any], at: str) -> Iterator[str]:
    if isinstance(value, int | float) and not (
        schema.get("minimum", value) <= value <= schema.get("maximum", value)
    ):
        yield f"{at}: {value} is out of range"
    if isinstance(value, str):
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            yield f"{at}: has {len(value)} characters"
        if schema.get("format") == "uuid":
            try:
                UUID(value)
            except ValueError:
                yield f"{at}: is no UUID"


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
