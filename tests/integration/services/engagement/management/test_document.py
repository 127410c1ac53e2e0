"""The served document and the routes are one."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

TOOL = Path(sys.executable).with_name("schemathesis")
PUBLIC = {"/api/v1/openapi.json", "/api/v1/{rest}"}


@pytest.fixture
def engagement_env() -> dict[str, str]:
    """A user is asked for once: many requests follow each other."""
    return {"RINGBACK_ENGAGEMENT_ACCESS_CACHE_S": "60", "RINGBACK_ENGAGEMENT_FLOOD_TOLERANCE": "0"}


async def test_every_route_is_in_the_document_and_every_operation_has_a_route(
    world: Any, office: Any
) -> None:
    document = (await office.document()).whole
    assert (document["openapi"], document["servers"]) == ("3.1.0", [{"url": "/api/v1"}])
    router = world.harness["engagement"]._http.server._app.router
    routes = {
        (route.method.lower(), route.resource.canonical)
        for route in router.routes()
        if route.resource.canonical.startswith("/api/v1/") and route.resource.canonical not in PUBLIC
    }
    served = {(method, path) for method, path in routes if method != "head"}
    described = {
        (method, f"/api/v1{path}") for path, methods in document["paths"].items() for method in methods
    }
    assert served == described
    names = [each["operationId"] for methods in document["paths"].values() for each in methods.values()]
    assert len(names) == len(set(names))


async def test_no_operation_works_without_a_token_or_without_a_role(world: Any, office: Any) -> None:
    nobody = await office.user("nobody")
    stranger = await office.user("stranger")
    stranger.token = "guessed"
    for path, methods in nobody.document.whole["paths"].items():
        for method, operation in methods.items():
            full = path.removeprefix("/")
            for parameter in operation["parameters"]:
                full = full.replace(f"{{{parameter['name']}}}", quote("nothing"))
            if operation.get("security") == []:
                continue
            assert (await stranger.raw(method.upper(), full))[0] == 401, full
            status, _ = await nobody.raw(method.upper(), full)
            if method == "get":
                assert status in {200, 400, 403, 404}, full
            else:
                assert status == 403, full
    rows = await world.query("SELECT * FROM audit.entries WHERE who = 'nobody' AND action NOT LIKE '%export'")
    assert rows == []


NASTY: list[Any] = [None, "", "\0", "x" * 5000, -1, 2**70, [], {}, [{}], True]
VALUES = ["", "null", "0.5", "%00", "x" * 300, "9" * 30, "-1", "%ED%A0%80", "2026-13-01T00:00:00", "a,b"]


def bodies(operation: dict[str, Any], document: dict[str, Any]) -> Iterator[Any]:
    """Bodies of which each is wrong in one place, or may be."""
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    yield from (b"", b"{", b"[]", b"null", "0.5", b'"x"', b"\xff", {})
    good = {"name": "x", "key": "x", "number": "+12025550123", "roles": [], "properties": {}, "version": 1}
    for name in schema.get("properties", {}):
        yield from ({**good, name: value} for value in NASTY)


@pytest.mark.slow
async def test_whatever_is_sent_nothing_fails_here(world: Any, office: Any, agents: Any) -> None:
    chief = await office.user("chief", "Administrator")
    document = chief.document.whole
    waiting = await world.book()
    await world.publish({"rule": {"_capacity_slot": "30", "_capacity_regular1": "Mon-Fri 09:00-17:00 5"}})
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            full = path.removeprefix("/").replace("{id}", waiting).replace("{name}", "rule")
            asked: list[tuple[str, Any]] = []
            for parameter in operation["parameters"]:
                name = parameter["name"]
                if parameter["in"] == "query":
                    asked += [(f"{full}?{name}={value}", None) for value in VALUES]
                elif method != "delete":
                    asked += [(path[1:].replace(f"{{{name}}}", value), None) for value in VALUES if value]
            if "requestBody" in operation:
                asked += [(full, body) for body in bodies(operation, document)]
            for target, body in asked:
                status, data = await chief.raw(method.upper(), target, body)
                assert status not in {500, 503}, (method, target, body, data)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(not TOOL.exists(), reason="schemathesis is not installed")
async def test_schemathesis_finds_nothing(world: Any, office: Any, agents: Any, tmp_path: Path) -> None:
    chief = await office.user("chief", "Administrator")
    base = f"{world.base}/api/v1"
    # A body may also be refused for its size.
    (tmp_path / "schemathesis.toml").write_text(
        "[checks.negative_data_rejection]\n"
        'expected-statuses = ["400", "401", "403", "404", "405", "409", "413", "422", "5xx"]\n'
    )
    process = await asyncio.create_subprocess_exec(
        str(TOOL),
        "run",
        f"{base}/openapi.json",
        *("--url", base, "--header", f"Authorization: Bearer {chief.token}"),
        *("--phases", "examples,fuzzing", "--max-examples", "4", "--seed", "1"),
        *("--exclude-checks", "positive_data_acceptance", "--no-color"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()[-4000:]
