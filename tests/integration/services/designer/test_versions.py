"""Versions of applications: drafts, what is served, roll-back; and the commands for them."""

import asyncio
import os
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from ringback.contracts.applications import ApplicationVersions
from ringback.runtime.http import HttpFailure
from ringback.testing.platform import SECRET

from .test_designer import Platform, platform

__all__ = ["platform"]


def app(state: str) -> bytes:
    return (
        f'<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0"><state id="{state}"/></scxml>'.encode()
    )


async def served(platform: Platform, name: str = "sales") -> bytes:
    return (await platform.designer.request("GET", f"/apps/demo/{name}.scxml")).body


async def versions(platform: Platform, name: str = "sales") -> ApplicationVersions:
    return await platform.designer.get(f"/apps/demo/{name}/versions", ApplicationVersions)


async def put(platform: Platform, state: str, end: str = "sales.scxml") -> None:
    await platform.designer.request("PUT", f"/apps/demo/{end}", app(state))


async def test_a_draft_is_served_to_nobody_until_it_is_published(platform: Platform) -> None:
    await put(platform, "one")
    await put(platform, "two", "sales/draft")
    assert await served(platform) == app("one")
    assert (await platform.designer.request("GET", "/apps/demo/sales/draft")).body == app("two")
    assert await platform.designer.post("/apps/demo/sales/publish", {}) == {"version": 2}
    assert await served(platform) == app("two")
    assert not (await versions(platform)).draft
    with pytest.raises(HttpFailure, match="no_draft"):
        await platform.designer.post("/apps/demo/sales/publish", {})


async def test_an_earlier_version_is_served_again_and_the_numbers_go_on(platform: Platform) -> None:
    for state in ("one", "two", "three"):
        await put(platform, state)
    assert await platform.designer.post("/apps/demo/sales/rollback", {}) == {"version": 2}
    assert await served(platform) == app("two")
    assert await platform.designer.post("/apps/demo/sales/rollback", {"version": 1}) == {"version": 1}
    assert await served(platform) == app("one")
    await put(platform, "four")
    found = await versions(platform)
    assert [(each.version, each.published) for each in found.versions] == [
        (1, False),
        (2, False),
        (3, False),
        (4, True),
    ]
    assert (await platform.designer.request("GET", "/apps/demo/sales/versions/3")).body == app("three")


async def test_the_text_that_is_served_already_makes_no_new_version(platform: Platform) -> None:
    await put(platform, "one")
    await put(platform, "one")
    assert len((await versions(platform)).versions) == 1


async def test_many_at_once_get_a_number_each(platform: Platform) -> None:
    await asyncio.gather(*(put(platform, f"s{number}") for number in range(8)))
    found = (await versions(platform)).versions
    assert [each.version for each in found] == list(range(1, 9))
    assert sum(each.published for each in found) == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("rollback", {}),
        ("rollback", {"version": 7}),
        ("rollback", {"version": -1}),
        ("rollback", {"version": 10**30}),
        ("publish", {}),
    ],
)
async def test_what_is_not_there_is_404(platform: Platform, path: str, body: dict[str, int]) -> None:
    with pytest.raises(HttpFailure) as caught:
        await platform.designer.post(f"/apps/demo/inbound/{path}", body)
    assert caught.value.status in (400, 404)
    for version in ("1", "x", "9" * 40):
        with pytest.raises(HttpFailure) as caught:
            await platform.designer.get(f"/apps/demo/inbound/versions/{version}")
        assert caught.value.status == 404


async def test_an_application_of_the_time_before_versions_is_version_1(platform: Platform) -> None:
    migration = files("ringback.services.designer").joinpath("migrations", "0002_pre_versions.sql")
    pool = platform.harness.process.postgres.pool
    await pool.execute("INSERT INTO designer.applications VALUES ('demo', 'old', $1)", app("old").decode())
    for _ in range(2):
        await pool.execute(migration.read_text("utf-8"))
    await put(platform, "new", "old.scxml")
    assert [each.version for each in (await versions(platform, "old")).versions] == [1, 2]
    assert await platform.designer.post("/apps/demo/old/rollback", {}) == {"version": 1}
    assert await served(platform, "old") == app("old")


async def test_a_draft_must_compile(platform: Platform) -> None:
    with pytest.raises(HttpFailure, match="not_scxml"):
        await platform.designer.request("PUT", "/apps/demo/sales/draft", b"<scxml>")


async def test_the_commands_push_diff_publish_and_roll_back(platform: Platform, tmp_path: Path) -> None:
    file = tmp_path / "sales.scxml"
    file.write_bytes(app("one"))
    assert await ringback(platform, "push", str(file)) == (0, "sales: version 1 is served\n", "")
    file.write_bytes(app("two"))
    code, out, _ = await ringback(platform, "diff", "sales", str(file))
    assert code == 1
    assert '+<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0"><state id="two"/>' in out
    assert (await ringback(platform, "push", str(file), "--draft"))[1] == "sales: draft stored\n"
    assert (await ringback(platform, "publish", "sales"))[1] == "sales: version 2 is served\n"
    assert await ringback(platform, "diff", "sales", str(file)) == (0, "", "")
    assert (await ringback(platform, "rollback", "sales"))[1] == "sales: version 1 is served\n"
    code, out, _ = await ringback(platform, "versions", "sales")
    assert [line.split()[0] for line in out.splitlines() if line.endswith("served")] == ["1"]
    pulled = tmp_path / "pulled.scxml"
    assert (await ringback(platform, "pull", "sales", "--version", "2", "-o", str(pulled)))[0] == 0
    assert pulled.read_bytes() == app("two")
    code, out, err = await ringback(platform, "pull", "nosuch")
    assert (code, out) == (1, "")
    assert "there is no application nosuch" in err


async def test_the_command_shares_an_application(platform: Platform) -> None:
    await put(platform, "one")
    await put(platform, "two")
    told = "sales: 25 % of the new sessions run version 1\n"
    assert await ringback(platform, "share", "sales", "1", "25") == (0, told, "")
    assert await platform.designer.get("/apps/demo/sales/share") == {"percent": 25, "version": 1}
    assert await ringback(platform, "share", "sales") == (0, told, "")
    for wrong, why in ((("9", "25"), "no such version"), (("blue", "25"), "blue"), (("1",), "PERCENT")):
        code, out, err = await ringback(platform, "share", "sales", *wrong)
        assert (code != 0, out, why in err) == (True, "", True), err
    told = "sales: all new sessions run the version that is served\n"
    assert await ringback(platform, "share", "sales", "1", "0") == (0, told, "")
    code, _, err = await ringback(platform, "share", "sales")
    assert (code, "all sessions run the published version" in err) == (1, True)


async def ringback(platform: Platform, *arguments: str) -> tuple[int, str, str]:
    """Run a command of `ringback app` that finds the platform by its environment."""
    common = platform.harness.process.common
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")}
    found = {
        "RINGBACK_HOST": common.host,
        "RINGBACK_VALKEY_URL": common.valkey_url,
        "RINGBACK_CLUSTER_SECRET": SECRET,
        "RINGBACK_DATA": common.data,
        "COLUMNS": "120",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ringback", "app", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=kept | found,
    )
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_a_share_is_told_with_the_document_and_ends_when_something_is_published(
    platform: Platform,
) -> None:
    await put(platform, "one")
    await put(platform, "two", "sales/draft")
    share = "/apps/demo/sales/share"
    with pytest.raises(HttpFailure, match="no_version"):
        await platform.designer.request("PUT", share, {"percent": 10, "version": 9})
    with pytest.raises(HttpFailure, match="bad_percent"):
        await platform.designer.request("PUT", share, {"percent": 0})
    await platform.designer.request("PUT", share, {"percent": 10})
    reply = await platform.designer.request("GET", "/apps/demo/sales.scxml")
    assert (reply.body, reply.headers["X-Ringback-Share"]) == (app("one"), "0 10")
    again = await platform.designer.request(
        "GET", "/apps/demo/sales.scxml", headers={"If-None-Match": reply.headers["ETag"]}
    )
    assert (again.status, again.headers["X-Ringback-Share"]) == (304, "0 10")
    await platform.designer.post("/apps/demo/sales/publish", {})
    reply = await platform.designer.request("GET", "/apps/demo/sales.scxml")
    assert reply.body == app("two")
    assert "X-Ringback-Share" not in reply.headers
    with pytest.raises(HttpFailure, match="no_share"):
        await platform.designer.get(share, dict)
    await platform.designer.request("PUT", share, {"percent": 100, "version": 1})
    assert await platform.designer.get(share, dict) == {"percent": 100, "version": 1}
    await platform.designer.request("DELETE", share)
