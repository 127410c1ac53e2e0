"""The auth service on a real PostgreSQL, over its sockets."""

from collections.abc import AsyncIterator

import asyncpg
import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from ringback.contracts.auth import (
    ApiKeyReply,
    ApiKeyView,
    KeyOwner,
    Privileges,
    TokenReply,
    UserInfo,
    UserReply,
    UserView,
    key_digest,
)
from ringback.runtime.http import HttpClient, HttpFailure
from ringback.runtime.migrate import migrate
from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import run_host

HOST = run_host(51)


class Auth:
    def __init__(self, harness: ServiceHarness) -> None:
        self.context = harness.context()
        self.auth = HttpClient(self.context, "auth")
        self.environment = HttpClient(self.context, "auth", "environment")
        self.configuration = HttpClient(self.context, "auth", "configuration")

    async def make_user(self, user: str = "alice", *roles: str) -> UserReply:
        body = {"tenant": "demo", "user": user, "roles": roles}
        return await self.configuration.post("/configuration/v3/users", body, UserReply)

    async def token(self, user: str, password: str) -> TokenReply:
        body = {"grant_type": "password", "username": user, "password": password}
        return await self.auth.post("/auth/v3/token", body, TokenReply)

    async def whose(self, token: str) -> UserInfo:
        headers = {"Authorization": f"Bearer {token}"}
        reply = await self.auth.request("GET", "/auth/v3/userinfo", headers=headers)
        return msgspec.json.decode(reply.body, type=UserInfo)


@pytest.fixture
async def auth(valkey_url: str, postgres_dsn: str) -> AsyncIterator[Auth]:
    await migrate(postgres_dsn, ["auth"])
    async with ServiceHarness("auth", valkey_url=valkey_url, postgres_dsn=postgres_dsn, host=HOST) as harness:
        yield Auth(harness)


async def test_a_key_is_known_by_its_digest_and_stored_as_nothing_else(auth: Auth, postgres_dsn: str) -> None:
    body = {"tenant": "demo", "name": "web"}
    made = await auth.environment.post("/environment/v3/api-keys", body, ApiKeyReply)
    path = f"/environment/v3/api-keys/{key_digest(made.key)}"
    assert await auth.environment.get(path, KeyOwner) == KeyOwner(tenant="demo", name="web")
    connection = await asyncpg.connect(postgres_dsn)
    stored = str(await connection.fetch("SELECT * FROM auth.api_keys"))
    await connection.close()
    assert made.key not in stored


async def test_a_new_key_under_a_name_ends_the_old_one(auth: Auth) -> None:
    body = {"tenant": "demo", "name": "web"}
    first = await auth.environment.post("/environment/v3/api-keys", body, ApiKeyReply)
    await auth.environment.post("/environment/v3/api-keys", body, ApiKeyReply)
    with pytest.raises(HttpFailure) as refused:
        await auth.environment.get(f"/environment/v3/api-keys/{key_digest(first.key)}")
    assert refused.value.status == 404


async def test_a_key_for_a_tenant_that_is_not_served_is_refused(auth: Auth) -> None:
    with pytest.raises(HttpFailure, match="unknown_tenant"):
        await auth.environment.post("/environment/v3/api-keys", {"tenant": "other", "name": "web"})


async def test_a_user_gets_a_random_password_once_and_a_token_for_it(auth: Auth) -> None:
    made = await auth.make_user("alice", "Monitor")
    assert len(made.password) >= 16
    assert (await auth.make_user("alice", "Monitor")).password == ""
    token = await auth.token("alice", made.password)
    assert await auth.whose(token.access_token) == UserInfo(sub="alice", tenant="demo")


async def test_a_token_can_be_verified_by_anybody_with_the_public_keys(auth: Auth) -> None:
    made = await auth.make_user()
    token = await auth.token("alice", made.password)
    keys = await auth.auth.get("/auth/v3/jwks")
    assert "d" not in keys["keys"][0]
    claims = jwt.decode(token.access_token, KeySet.import_key_set(keys), algorithms=["RS256"]).claims
    assert claims["sub"] == "alice"


async def test_a_token_with_a_changed_payload_is_refused(auth: Auth) -> None:
    made = await auth.make_user()
    token = (await auth.token("alice", made.password)).access_token
    head, payload, signature = token.split(".")
    changed = ".".join([head, payload[:-4] + ("AAAA" if payload[-4:] != "AAAA" else "BBBB"), signature])
    for wrong in (changed, "a.b.c", "nothing", f"{head}.{payload}."):
        with pytest.raises(HttpFailure) as refused:
            await auth.whose(wrong)
        assert refused.value.status == 401


async def test_a_wrong_password_is_refused_and_after_some_the_name_waits(auth: Auth) -> None:
    made = await auth.make_user()
    for expected in (401, 401, 401, 401, 401, 429):
        with pytest.raises(HttpFailure) as refused:
            await auth.token("alice", "wrong")
        assert refused.value.status == expected
    with pytest.raises(HttpFailure):
        await auth.token("alice", made.password)


async def test_a_link_is_a_short_token_of_a_user(auth: Auth) -> None:
    await auth.make_user("status", "Monitor")
    link = await auth.auth.post("/auth/v3/links", {"tenant": "demo", "user": "status"}, TokenReply)
    assert len(link.access_token) <= 40
    assert (await auth.whose(link.access_token)).sub == "status"


async def test_a_link_ends(auth: Auth) -> None:
    await auth.make_user("status")
    body = {"tenant": "demo", "user": "status", "lifetime_s": 0}
    link = await auth.auth.post("/auth/v3/links", body, TokenReply)
    with pytest.raises(HttpFailure):
        await auth.whose(link.access_token)


async def test_privileges_are_the_roles_that_were_given_and_no_others(auth: Auth) -> None:
    await auth.make_user("alice", "Supervisor")
    await auth.make_user("bob")
    path = "/configuration/v3/users/{}/privileges"
    assert (await auth.configuration.get(path.format("alice"), Privileges)).roles == ("Supervisor",)
    assert (await auth.configuration.get(path.format("bob"), Privileges)).roles == ()


async def test_keys_and_privileges_are_for_the_platforms_own_services(auth: Auth) -> None:
    session = auth.context.http_session()
    for listener, path in (
        ("environment", "/environment/v3/api-keys/0"),
        ("configuration", "/configuration/v3/users/alice/privileges"),
    ):
        async with session.get(auth.context.url("auth", listener) + path) as reply:
            assert reply.status == 401


async def test_tokens_outlive_a_restart(valkey_url: str, postgres_dsn: str) -> None:
    await migrate(postgres_dsn, ["auth"])
    servers = {"valkey_url": valkey_url, "postgres_dsn": postgres_dsn, "host": HOST}
    async with ServiceHarness("auth", **servers) as harness:
        auth = Auth(harness)
        made = await auth.make_user()
        token = await auth.token("alice", made.password)
    async with ServiceHarness("auth", **servers) as harness:
        assert (await Auth(harness).whose(token.access_token)).sub == "alice"


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 10_000, "' OR 1=1 --"])
async def test_a_name_that_nobody_has_is_a_wrong_password(auth: Auth, name: str) -> None:
    with pytest.raises(HttpFailure) as refused:
        await auth.token(name, "password")
    assert refused.value.status == 401


async def test_a_role_may_be_limited_to_queues_and_grants_replace_each_other(auth: Auth) -> None:
    await auth.make_user("alice", "Supervisor")
    body = {"tenant": "demo", "user": "alice", "roles": ["Supervisor"], "scopes": {"Supervisor": ["sales"]}}
    assert (await auth.configuration.post("/configuration/v3/users", body, UserReply)).password == ""
    found = await auth.configuration.get("/configuration/v3/users/alice/privileges", Privileges)
    assert (found.roles, found.scopes) == (("Supervisor",), {"Supervisor": ("sales",)})
    [listed] = await auth.configuration.get("/configuration/v3/users?tenant=demo", list[UserView])
    assert (listed.user, listed.scopes) == ("alice", {"Supervisor": ("sales",)})
    with pytest.raises(HttpFailure, match="not given"):
        wrong = {**body, "scopes": {"Monitor": ["sales"]}}
        await auth.configuration.post("/configuration/v3/users", wrong)


async def test_a_new_password_ends_the_old_one_and_every_token(auth: Auth) -> None:
    made = await auth.make_user("alice", "Monitor")
    token = (await auth.token("alice", made.password)).access_token
    body = {"tenant": "demo", "user": "alice"}
    fresh = await auth.configuration.post("/configuration/v3/users/password", body, UserReply)
    with pytest.raises(HttpFailure, match="invalid_token"):
        await auth.whose(token)
    with pytest.raises(HttpFailure, match="invalid_grant"):
        await auth.token("alice", made.password)
    assert (await auth.whose((await auth.token("alice", fresh.password)).access_token)).sub == "alice"


async def test_a_user_who_is_removed_has_no_token_any_more(auth: Auth) -> None:
    made = await auth.make_user("alice", "Monitor")
    token = (await auth.token("alice", made.password)).access_token
    await auth.configuration.post("/configuration/v3/users/remove", {"tenant": "demo", "user": "alice"})
    with pytest.raises(HttpFailure, match="invalid_token"):
        await auth.whose(token)
    for path in ("password", "remove"):
        with pytest.raises(HttpFailure) as refused:
            body = {"tenant": "demo", "user": "al\0ice"}
            await auth.configuration.post(f"/configuration/v3/users/{path}", body)
        assert refused.value.status == 404


async def test_keys_are_listed_by_prefix_and_revoked_by_name(auth: Auth) -> None:
    body = {"tenant": "demo", "name": "web", "replace": False, "rate": 5}
    made = await auth.environment.post("/environment/v3/api-keys", body, ApiKeyReply)
    with pytest.raises(HttpFailure, match="name_taken"):
        await auth.environment.post("/environment/v3/api-keys", body)
    [view] = await auth.environment.get("/environment/v3/api-keys?tenant=demo", list[ApiKeyView])
    assert (view.name, view.prefix, view.rate, view.burst) == ("web", made.key[:6], 5.0, None)
    revoke = {"tenant": "demo", "name": "web"}
    await auth.environment.post("/environment/v3/api-keys/revoke", revoke)
    for path in (f"/environment/v3/api-keys/{key_digest(made.key)}", "/environment/v3/tenants/other"):
        with pytest.raises(HttpFailure) as refused:
            await auth.environment.get(path)
        assert refused.value.status == 404
    with pytest.raises(HttpFailure, match="unknown_key"):
        await auth.environment.post("/environment/v3/api-keys/revoke", revoke)


async def test_changes_of_users_and_keys_are_in_the_audit_log_which_nobody_can_change(
    auth: Auth, postgres_dsn: str
) -> None:
    by = {"who": "root", "source": "127.0.0.1"}
    user = {"tenant": "demo", "user": "alice", "roles": ["Monitor"], "by": by}
    made = await auth.configuration.post("/configuration/v3/users", user, UserReply)
    await auth.configuration.post("/configuration/v3/users", {**user, "roles": []})
    key = {"tenant": "demo", "name": "web", "by": by}
    secret = (await auth.environment.post("/environment/v3/api-keys", key, ApiKeyReply)).key
    connection = await asyncpg.connect(postgres_dsn)
    try:
        rows = await connection.fetch("SELECT * FROM audit.entries ORDER BY id")
        assert [(row["who"], row["source"], row["action"], row["subject"]) for row in rows] == [
            ("root", "127.0.0.1", "user.create", "alice"),
            ("root", "127.0.0.1", "user.grant", "alice"),
            ("root", "127.0.0.1", "key.create", "web"),
        ]
        assert msgspec.json.decode(rows[1]["before"])["roles"] == ["Monitor"]
        assert made.password not in str(rows)
        assert secret not in str(rows)
        for sql in (
            "UPDATE audit.entries SET who = 'x'",
            "DELETE FROM audit.entries",
            "TRUNCATE audit.entries",
        ):
            with pytest.raises(asyncpg.RaiseError, match="only ever added to"):
                await connection.execute(sql)
    finally:
        await connection.close()
