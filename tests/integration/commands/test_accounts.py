"""`ringback keys`, `ringback users` and `ringback tenant import` against running services."""

import asyncio
import json
import os
import sys
from pathlib import Path

import asyncpg

from ringback.contracts.auth import KeyOwner, TokenReply, key_digest
from ringback.runtime.http import HttpClient
from ringback.runtime.migrate import migrate
from ringback.testing.platform import SECRET, ServiceHarness
from ringback.testing.servers import run_host

HOST = run_host(97)


async def test_keys_users_and_a_configuration_from_the_command_line(
    valkey_url: str, postgres_dsn: str, tmp_path: Path
) -> None:
    await migrate(postgres_dsn, ["auth", "tenant"])
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")}
    env = {
        **kept,
        "RINGBACK_VALKEY_URL": valkey_url,
        "RINGBACK_HOST": HOST,
        "RINGBACK_CLUSTER_SECRET": SECRET,
        "COLUMNS": "120",
        "NO_COLOR": "1",
    }

    async def ringback(*arguments: str, code: int = 0) -> str:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ringback", *arguments), stdout=pipe, stderr=pipe, env=env
        )
        async with asyncio.timeout(30):
            out, err = await process.communicate()
        assert process.returncode == code, err.decode()
        return (err if code else out).decode().strip()

    async with ServiceHarness(
        "auth", "tenant", valkey_url=valkey_url, postgres_dsn=postgres_dsn, host=HOST
    ) as harness:
        context = harness.context()
        key = await ringback("keys", "create", "shop", "--rate", "5")
        owner = await HttpClient(context, "auth", "environment").get(
            f"/environment/v3/api-keys/{key_digest(key)}", KeyOwner
        )
        assert (owner.name, owner.rate) == ("shop", 5.0)
        listed = await ringback("keys", "list")
        assert f"{key[:6]}…" in listed
        assert key not in listed
        assert "name_taken" in await ringback("keys", "create", "shop", code=1)
        await ringback("keys", "revoke", "shop")
        assert json.loads(await ringback("keys", "list", "--json")) == []

        password = await ringback("users", "add", "ann", "--role", "Supervisor:CB_Sales")
        assert "grant" in await ringback("users", "add", "ann", code=1)
        assert "Supervisor:CB_Sales" in await ringback("users", "list")
        await ringback("users", "grant", "ann", "--role", "monitor")
        [user] = json.loads(await ringback("users", "list", "--json"))
        assert (user["roles"], user["scopes"]) == (["Monitor"], {})
        assert "King" in await ringback("users", "grant", "ann", "--role", "King", code=1)
        other = await ringback("users", "passwd", "ann")
        assert other != password
        body = {"grant_type": "password", "username": "ann", "password": other}
        assert (await HttpClient(context, "auth").post("/auth/v3/token", body, TokenReply)).access_token
        await ringback("users", "remove", "ann")

        file = tmp_path / "tenant.json"
        file.write_text('{"tenant": {"id": "demo", "name": "Demo", "domain": "demo.example"}}')
        assert "1 objects changed" in await ringback("tenant", "import", str(file))
        file.write_text('{"tenant": 5}')
        assert str(file) in await ringback("tenant", "import", str(file), code=1)

    connection = await asyncpg.connect(postgres_dsn)
    rows = await connection.fetch("SELECT action, source FROM audit.entries ORDER BY id")
    await connection.close()
    assert [row["action"] for row in rows] == [
        "key.create",
        "key.revoke",
        "user.create",
        "user.grant",
        "user.password",
        "user.remove",
    ]
    assert {row["source"] for row in rows} == {"command line"}
