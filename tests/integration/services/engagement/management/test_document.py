"""The served document and the routes are one."""

import asyncio
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

TOOL = Path(sys.executable).with_name("schemathesis")
PUBLIC = {"/api/v1/openapi.json", "/api/v1/{rest}"}


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


@pytest.mark.slow
@pytest.mark.skipif(not TOOL.exists(), reason="schemathesis is not installed")
async def test_schemathesis_finds_nothing(world: Any, office: Any, tmp_path: Path) -> None:
    chief = await office.user("chief", "Administrator")
    base = f"{world.base}/api/v1"
    process = await asyncio.create_subprocess_exec(
        str(TOOL),
        "run",
        f"{base}/openapi.json",
        *("--url", base, "--header", f"Authorization: Bearer {chief.token}"),
        *("--phases", "examples,coverage,fuzzing", "--max-examples", "10", "--seed", "1"),
        *("--exclude-checks", "positive_data_acceptance", "--no-color"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()[-4000:]
