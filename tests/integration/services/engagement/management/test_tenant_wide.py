"""Keys, users, credentials, call-ins, failures and health: what belongs to the whole tenant."""

import asyncio
import re
from typing import Any
from uuid import UUID

import pytest

SECRET = "planted-secret-of-sixteen"


async def test_a_key_is_shown_once_listed_by_prefix_validated_and_revoked(world: Any, office: Any) -> None:
    chief = await office.user("chief", "Administrator")
    made = await chief.post("keys", {"name": "shop", "rate": 5, "burst": 10})
    listed = {key["name"]: key for key in await chief.get("keys")}
    assert (listed["shop"]["prefix"], listed["shop"]["rate"]) == (made["key"][:6], 5)
    assert made["key"] not in str(listed)
    assert (await chief.ask("POST", "keys", {"name": "shop"}))[0] == 409
    assert (await chief.ask("POST", "keys", {"name": ""}))[0] == 400
    developer = await office.user("developer", "Developer")
    verdict = await developer.post("keys/validate", {"key": made["key"]})
    assert verdict == {"valid": True, "name": "shop"}
    assert (await developer.post("keys/validate", {"key": "x" * 4000}))["valid"] is False
    assert (await world.api("GET", "callbacks/open-for/sales", key=made["key"]))[0] == 200
    assert (await chief.ask("DELETE", "keys/shop"))[0] == 200
    assert (await chief.ask("DELETE", "keys/shop"))[0] == 404
    assert (await world.api("GET", "callbacks/open-for/sales", key=made["key"]))[0] == 401
    assert (await developer.ask("POST", "keys", {"name": "own"}))[0] == 403
    assert (await developer.ask("GET", "keys"))[0] == 403
    limited = await office.user("limited", "Administrator", only=["sales"])
    for path in ("keys", "users", "errors", "audit", "credentials/push"):
        assert (await limited.ask("GET", path))[0] == 403, path
    log = (await chief.get("audit?action=key"))["items"]
    assert [(entry["action"], entry["who"]) for entry in log[:2]] == [
        ("key.revoke", "chief"),
        ("key.create", "chief"),
    ]
    assert made["key"] not in str(log)


async def test_users_are_made_granted_and_removed_but_nobody_changes_themselves(
    world: Any, office: Any
) -> None:
    chief = await office.user("chief", "Administrator")
    grants = {"roles": ["Supervisor"], "scopes": {"Supervisor": ["sales"]}}
    status, made = await chief.ask("PUT", "users/anna", grants)
    assert (status, len(made["password"]) >= 16) == (200, True)
    async with world.context.http_session().post(
        f"{world.base}/api/v1/token", json={"username": "anna", "password": made["password"]}
    ) as reply:
        anna = await office.user("chief", "Administrator")
        anna.token = (await reply.json())["access_token"]
    me = await anna.get("me")
    assert (me["user"], me["roles"], me["actions"]["callbacks.see"]) == ("anna", ["Supervisor"], ["sales"])
    assert "keys.manage" not in me["actions"]
    assert (await chief.ask("PUT", "users/anna", {"roles": ["Monitor"]}))[1]["password"] == ""
    assert (await anna.get("me"))["roles"] == ["Monitor"]
    rows = {row["name"]: row for row in await chief.get("users")}
    assert rows["anna"]["roles"] == ["Monitor"]
    assert (await chief.post("users/anna/password"))["password"] != made["password"]
    assert (await anna.ask("GET", "me"))[0] == 401
    for method in ("PUT", "DELETE"):
        status, refused = await chief.ask(method, "users/chief", grants)
        assert (status, refused["error"]) == (400, "own-account")
    assert (await chief.ask("PUT", "users/bob", {"roles": ["King"]}))[0] == 400
    assert (await chief.ask("DELETE", "users/anna"))[0] == 200
    assert (await chief.ask("DELETE", "users/anna"))[0] == 404
    log = (await chief.get("audit?subject=anna&who=chief"))["items"]
    assert [entry["action"] for entry in log] == ["user.remove", "user.password", "user.grant", "user.create"]
    assert log[2]["before"] == {"roles": ["Supervisor"], "scopes": {"Supervisor": ["sales"]}}


async def test_credentials_are_stored_and_never_shown_nor_logged(
    world: Any, office: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    developer = await office.user("developer", "Developer")
    body = {"type": "http", "url": "https://push.example/notice", "secret": SECRET}
    assert (await developer.ask("PUT", "credentials/push/own", body))[0] == 200
    captcha = {"type": "V3", "site_key": "site", "secret_key": SECRET}
    assert (await developer.ask("PUT", "credentials/captcha/own", captcha))[0] == 200
    assert await developer.get("credentials/push") == {
        "own": {"type": "http", "url": "https://push.example/notice"}
    }
    assert (await developer.ask("PUT", "credentials/push/own", {"type": "fax"}))[0] == 400
    assert (await developer.ask("PUT", "credentials/push/a%20b", body))[0] == 400
    assert (await developer.ask("DELETE", "credentials/captcha/own"))[0] == 200
    assert (await developer.ask("DELETE", "credentials/captcha/own"))[0] == 404
    chief = await office.user("chief", "Administrator")
    log = (await chief.get("audit?action=credential"))["items"]
    assert [entry["action"] for entry in log] == [
        "credential.delete.captcha",
        "credential.put.captcha",
        "credential.put.push",
    ]
    assert SECRET not in str(log) + capfd.readouterr().out


async def test_call_in_groups_and_requests(world: Any, office: Any) -> None:
    chief = await office.user("chief", "Administrator")
    group = {"numbers": ["+12025550100"], "code_length": 4, "expiry_s": 60}
    assert (await chief.ask("PUT", "call-in-groups/help", group))[0] == 200
    for wrong in ({"code_length": 2}, {"code_length": 11}, {"expiry_s": 5}, {"numbers": []}):
        assert (await chief.ask("PUT", "call-in-groups/help", {**group, **wrong}))[0] == 400
    request = {"groupName": "help", "fromPhoneNumber": "+12025550123"}
    ids = [(await world.api("POST", "call-in/requests/create", request))[1]["data"]["id"] for _ in range(3)]
    page = await chief.get("call-ins")
    assert [row["id"] for row in page["items"]] == ids[::-1]
    assert page["items"][0]["from_number"] == "+12025550123"
    assert len((await chief.get("call-ins?number=12025550123"))["items"]) == 3
    assert [row["id"] for row in (await chief.get(f"call-ins?id={ids[0]}"))["items"]] == ids[:1]
    for wrong in ("id=1", "after=x", "group=%00"):
        assert (await chief.ask("GET", f"call-ins?{wrong}"))[0] == 400
    monitor = await office.user("monitor", "Monitor")
    assert (await monitor.get("call-ins"))["items"][0]["from_number"] == "+12•••••••23"
    assert (await monitor.get("call-ins?number=12025550123"))["items"] == []
    assert list(await monitor.get("call-in-groups")) == ["help"]
    assert (await monitor.ask("DELETE", "call-in-groups/help"))[0] == 403
    assert (await chief.ask("DELETE", "call-in-groups/help"))[0] == 200
    assert (await chief.ask("DELETE", "call-in-groups/help"))[0] == 404
    log = (await chief.get("audit?action=call-in-group"))["items"]
    assert [entry["action"] for entry in log] == ["call-in-group.delete", "call-in-group.put"]


async def test_a_failed_request_is_found_by_its_correlation_id_without_what_was_sent(
    world: Any, office: Any
) -> None:
    developer = await office.user("developer", "Developer")
    number = "12025550123"
    body = {"serviceName": SECRET, "phoneNumber": number}
    _, envelope = await world.api("POST", "callbacks/create", body)
    await world.api("GET", f"callbacks/open-for/{number}?timezone={number}")
    await world.api("GET", "callbacks/open-for/nobodys", key="wrong")
    corr_id = envelope["status"]["corrId"]
    async with asyncio.timeout(20):
        while len(await developer.get("errors")) < 2:
            await asyncio.sleep(0.02)
    [found] = await developer.get(f"errors?corr_id={corr_id}")
    assert (found["url"], found["status"]) == ("/engagement/v3/callbacks/create", 400)
    assert found["error"] == "unknown-service"
    every = await developer.get("errors")
    assert [each["url"].rpartition("/")[2] for each in every] == ["…", "create"]
    assert number not in str(every)
    assert SECRET not in str(every)
    monitor = await office.user("monitor", "Monitor")
    assert (await monitor.ask("GET", "errors"))[0] == 403


async def test_health_tells_every_node(world: Any, office: Any) -> None:
    monitor = await office.user("monitor", "Monitor")

    async def nodes() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await monitor.get("health"))["nodes"]
        return found

    async with asyncio.timeout(10):
        while "engagement" not in {node["service"] for node in await nodes()}:
            await asyncio.sleep(0.05)
    node = next(node for node in await nodes() if node["service"] == "engagement")
    assert (node["alive"], node["uptime_s"] >= 0) == (True, True)
    nobody = await office.user("nobody")
    assert (await nobody.get("health"))["nodes"] == []


def test_what_is_kept_of_an_url_has_no_number_in_it() -> None:
    from ringback.services.engagement.management.failures import without_numbers

    uuid = str(UUID(int=2**127 + 123456789012345678901234567890))
    assert re.search(r"\d{6}", uuid)
    kept = without_numbers(f"/a/{uuid}/+12025550123/x")
    assert kept == f"/a/{uuid}/+…/x"
