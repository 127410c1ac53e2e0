"""Brings the demo tenant into a platform that has just been started, and finds it there the next time.

Everything goes the way that an administrator's tools go: configuration over the link (8888), the user and the
API key at auth, the callback settings through the designer's data table. What somebody has changed since is
left as it is; only a SIP password that is no longer the kept one is set again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from ringback.contracts.auth import (
    ApiKeyReply,
    ApiKeyRequest,
    LinkRequest,
    TokenReply,
    UserReply,
    UserRequest,
    key_digest,
)
from ringback.domain.configuration import Extension
from ringback.runtime.http import HttpClient, HttpFailure, HttpUnavailable
from ringback.runtime.link import LinkClient
from ringback.testing.demo_tenant import (
    TENANT,
    USER,
    DemoSecrets,
    demo_configuration,
    demo_secrets,
    demo_tables,
    keep_secrets,
)

if TYPE_CHECKING:
    from ringback.runtime.context import Context

T = TypeVar("T")
_PATIENCE_S = 60.0


async def load_demo(ctx: Context) -> DemoSecrets:
    """Load the demo tenant where it is missing; returns its secrets, the same at every start.

    Raises LinkUnavailable or HttpUnavailable when the platform is not there within a minute.
    """
    kept = demo_secrets(Path(ctx.common.data))
    await _configuration(ctx, kept)
    kept = await _credentials(ctx, kept)
    for name, rows in demo_tables().items():
        await patiently(partial(_table, ctx, name, rows))
    return kept


async def status_token(ctx: Context) -> str:
    """A random token that opens the status page as the demo's user, good for a week."""
    auth = HttpClient(ctx, "auth")
    asked = LinkRequest(tenant=TENANT, user=USER)
    return (await patiently(lambda: auth.post("/auth/v3/links", asked, TokenReply))).access_token


async def _configuration(ctx: Context, kept: DemoSecrets) -> None:
    link = LinkClient(ctx, "tenant", "config", connection="voice-4")
    await link.start()
    await link.wait_connected(_PATIENCE_S)
    host = "127.0.0.1" if ctx.common.host in ("0.0.0.0", "::") else ctx.common.host  # noqa: S104
    whole = demo_configuration(kept, host)
    given = {"tenant": TENANT, "configuration": msgspec.to_builtins(whole), "add": True}
    await link.call("import", given, timeout=30.0)
    found = await link.call("search", {"tenant": TENANT, "kind": "dns", "like": {"type": "extension"}})
    present = {item["id"]: item["body"] for item in found["objects"]}
    for dn in whole.dns:
        if isinstance(dn, Extension) and present.get(dn.id, {}).get("ha1_md5") != dn.ha1_md5:
            hashes = {"ha1_md5": dn.ha1_md5, "ha1_sha256": dn.ha1_sha256}
            changed = {**present.get(dn.id, msgspec.to_builtins(dn)), **hashes}
            await link.call("write", {"tenant": TENANT, "kind": "dns", "object": changed})


async def _credentials(ctx: Context, kept: DemoSecrets) -> DemoSecrets:
    key, users = kept.api_key, dict(kept.users)
    if not key or not await patiently(lambda: _is_known(ctx, key)):
        environment = HttpClient(ctx, "auth", "environment")
        asked = ApiKeyRequest(tenant=TENANT, name="demo")
        key = (await patiently(lambda: environment.post("/environment/v3/api-keys", asked, ApiKeyReply))).key
    configuration = HttpClient(ctx, "auth", "configuration")
    user = UserRequest(tenant=TENANT, user=USER, roles=("Administrator", "Supervisor"))
    reply = await patiently(lambda: configuration.post("/configuration/v3/users", user, UserReply))
    if reply.password:
        users[USER] = reply.password
    whole = msgspec.structs.replace(kept, api_key=key, users=users)
    if whole != kept:
        keep_secrets(Path(ctx.common.data), whole)
    return whole


async def _is_known(ctx: Context, key: str) -> bool:
    environment = HttpClient(ctx, "auth", "environment", connection="ges-9")
    try:
        await environment.get(f"/environment/v3/api-keys/{key_digest(key)}")
    except HttpFailure as failure:
        if failure.status == 404:
            return False
        raise
    return True


async def _table(ctx: Context, name: str, rows: dict[str, dict[str, str]]) -> None:
    """Publish a table, with the rows that somebody has changed or added as they are."""
    designer, path = HttpClient(ctx, "designer"), f"/tables/{TENANT}/{name}"
    try:
        present: dict[str, dict[str, str]] = await designer.get(path, dict[str, dict[str, str]])
    except HttpFailure as failure:
        if failure.status != 404:
            raise
        present = {}
    whole = {**rows, **present}
    if whole != present:
        await designer.request("PUT", path, whole)
    await designer.post(f"{path}/publish", {})


async def patiently(action: Callable[[], Awaitable[T]], patience_s: float = _PATIENCE_S) -> T:
    """Repeat an idempotent action while the other side is not there yet."""
    loop = asyncio.get_running_loop()
    end = loop.time() + patience_s
    while True:
        try:
            return await action()
        except (HttpUnavailable, HttpFailure) as error:
            gone = isinstance(error, HttpUnavailable) or error.status >= 500
            if not gone or loop.time() > end:
                raise
        await asyncio.sleep(0.2)
