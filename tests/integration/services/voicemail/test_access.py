"""Supervisors with a bearer token of the real auth service."""

import msgspec
import pytest

from ringback.contracts.auth import TokenReply, UserReply
from ringback.contracts.configuration import kind_key, version_key
from ringback.contracts.voicemail import MailboxView
from ringback.domain.configuration import Mailbox
from ringback.runtime.http import HttpClient, HttpFailure
from ringback.runtime.migrate import migrate
from ringback.runtime.valkey import Valkey
from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import private_host

ADMIN = "/fs/admin/mailboxes/demo"


@pytest.fixture
async def platform(valkey_url, postgres_dsn, tmp_path):
    valkey = Valkey(valkey_url)
    await valkey.start()
    await valkey.call("HSET", kind_key("demo", "dns"), "8500", msgspec.json.encode(Mailbox(id="8500")))
    await valkey.call("SET", version_key("demo"), 1)
    await valkey.stop()
    await migrate(postgres_dsn, ["auth"])
    async with ServiceHarness(
        "auth",
        "config",
        "voicemail",
        valkey_url=valkey_url,
        postgres_dsn=postgres_dsn,
        host=private_host(),
        data=str(tmp_path),
    ) as running:
        yield running


async def ask(platform, path, token, method="GET"):
    """A request from outside: it has no cluster secret."""
    ctx = platform.context()
    client = HttpClient(ctx, "voicemail", base_url=ctx.url("voicemail"))
    return await client.request(method, path, headers={"Authorization": f"Bearer {token}"})


async def token_of(platform, user, *roles):
    ctx = platform.context()
    body = {"tenant": "demo", "user": user, "roles": roles}
    made = await HttpClient(ctx, "auth", "configuration").post("/configuration/v3/users", body, UserReply)
    grant = {"grant_type": "password", "username": user, "password": made.password}
    return (await HttpClient(ctx, "auth").post("/auth/v3/token", grant, TokenReply)).access_token


async def test_a_supervisor_sees_all_mailboxes_and_the_messages_of_each(platform):
    token = await token_of(platform, "kim", "Supervisor")
    views = msgspec.json.decode((await ask(platform, ADMIN, token)).body, type=list[MailboxView])
    assert [view.mailbox for view in views] == ["8500"]
    assert (await ask(platform, "/fs/mailboxes/demo/8500/messages", token)).body == b"[]"
    assert (await ask(platform, f"{ADMIN}/8500/lock", token, "DELETE")).status == 204


@pytest.mark.parametrize("path", [ADMIN, "/fs/mailboxes/demo/8500/messages"])
async def test_a_user_without_that_role_is_refused(platform, path):
    token = await token_of(platform, "lee", "Developer")
    with pytest.raises(HttpFailure) as refused:
        await ask(platform, path, token)
    assert (refused.value.status, refused.value.slug) == (403, "not_allowed")


@pytest.mark.parametrize("path", [ADMIN, "/fs/mailboxes/demo/8500/messages"])
async def test_a_token_that_nobody_gave_out_is_refused(platform, path):
    with pytest.raises(HttpFailure) as refused:
        await ask(platform, path, "made-up")
    assert (refused.value.status, refused.value.slug) == (401, "invalid_token")


async def test_a_supervisor_of_another_tenant_is_refused(platform):
    token = await token_of(platform, "kim", "Supervisor")
    with pytest.raises(HttpFailure) as refused:
        await ask(platform, "/fs/admin/mailboxes/other", token)
    assert refused.value.status == 403
