"""Captcha: at create, and by itself."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from ringback.contracts.callbacks import BookCallback, CallbackBooked
from ringback.runtime.http import HttpClient, HttpFailure
from ringback.testing.google_server import CaptchaToken, GoogleForTests

from .conftest import Keeper, hurry

BODY = {"serviceName": "sales", "phoneNumber": "+12025550123"}
KEYS = {"type": "V2_VISIBLE", "site_key": "site-2", "secret_key": "planted-secret-2"}
SCORED = {"type": "V3", "site_key": "site-3", "secret_key": "planted-secret-3", "threshold": 0.7}


@pytest.fixture(autouse=True)
def tokens(google: GoogleForTests) -> None:
    google.secret_keys |= {"planted-secret-2", "planted-secret-3"}
    google.captcha |= {
        "person": CaptchaToken("planted-secret-2"),
        "another": CaptchaToken("planted-secret-2"),
        "likely": CaptchaToken("planted-secret-3", 0.7),
        "doubtful": CaptchaToken("planted-secret-3", 0.69),
    }


async def create(world: Any, token: str | None = None, **headers: str) -> tuple[int, int]:
    body = BODY if token is None else {**BODY, "captchaToken": token}
    status, envelope = await world.api("POST", "callbacks/create", body, **headers)
    return status, envelope["status"]["code"]


async def verify(world: Any, key: str, token: str) -> tuple[int, Any]:
    body = {"siteKey": key, "captchaToken": token}
    status, envelope = await world.api("POST", "captcha/verify", body)
    return status, envelope.get("data", envelope["status"]["code"])


async def test_a_tenant_without_keys_asks_for_no_token(world: Any, google: GoogleForTests) -> None:
    assert await create(world) == (200, 0)
    assert google.verified == 0


async def test_a_tenant_with_keys_takes_only_a_token_that_passes(
    world: Any, keeper: Keeper, google: GoogleForTests
) -> None:
    await keeper.put("captcha", "site", KEYS)
    assert await create(world) == (400, 40051)
    assert await create(world, "made-up") == (400, 40052)
    assert await create(world, "person") == (200, 0)
    assert await create(world, "person") == (400, 40052), "a token is good once"


async def test_of_several_key_sets_a_token_of_any_will_do(world: Any, keeper: Keeper) -> None:
    await keeper.put("captcha", "site", KEYS)
    await keeper.put("captcha", "app", SCORED)
    assert await create(world, "likely") == (200, 0)
    assert await create(world, "another") == (200, 0)


async def test_a_score_below_the_threshold_is_refused(world: Any, keeper: Keeper) -> None:
    await keeper.put("captcha", "app", SCORED)
    assert await create(world, "doubtful") == (400, 40052)


async def test_a_key_set_that_is_not_for_creates_asks_for_none(world: Any, keeper: Keeper) -> None:
    await keeper.put("captcha", "site", {**KEYS, "on_create": False})
    assert await create(world) == (200, 0)
    assert await verify(world, "site-2", "person") == (200, {"success": True})


async def test_a_repeated_create_with_its_key_needs_its_token_only_once(world: Any, keeper: Keeper) -> None:
    await keeper.put("captcha", "site", KEYS)
    first = await create(world, "person", Idempotency_Key="k1")
    assert first == await create(world, "person", Idempotency_Key="k1") == (200, 0)


async def test_a_create_repeated_while_the_first_is_under_way_is_not_refused_for_its_token(
    world: Any, keeper: Keeper
) -> None:
    await keeper.put("captcha", "site", KEYS)
    named = {"Idempotency_Key": "impatient"}
    both = await asyncio.gather(create(world, "person", **named), create(world, "person", **named))
    assert both == [(200, 0), (200, 0)]
    [row] = await world.query("SELECT count(*) AS made FROM engagement.callbacks")
    assert row["made"] == 1


async def test_a_request_that_is_refused_for_its_number_keeps_its_token(world: Any, keeper: Keeper) -> None:
    await keeper.put("captcha", "site", KEYS)
    body = {**BODY, "phoneNumber": "nonsense", "captchaToken": "person"}
    status, _ = await world.api("POST", "callbacks/create", body)
    assert status == 400
    assert await create(world, "person") == (200, 0)


async def test_a_caller_in_line_is_promised_a_callback_without_a_token(
    world: Any, keeper: Keeper, google: GoogleForTests
) -> None:
    await keeper.put("captcha", "site", KEYS)
    asked = BookCallback(key="ixn-1:4", service="sales", number="+12025550123", arrived_at=world.now() - 60)
    engagement = HttpClient(world.context, "engagement")
    promised = await engagement.post("/internal/callbacks/demo", asked, CallbackBooked)
    assert (await world.retrieve(promised.id))["callbackState"] == "QUEUED"
    assert google.verified == 0


async def test_verify_judges_with_the_key_set_of_the_site_key(world: Any, keeper: Keeper) -> None:
    await keeper.put("captcha", "site", KEYS)
    await keeper.put("captcha", "app", SCORED)
    assert await verify(world, "site-3", "person") == (200, {"success": False})
    assert await verify(world, "site-2", "person") == (200, {"success": True})
    assert await verify(world, "site-3", "doubtful") == (200, {"success": False})
    assert await verify(world, "site-9", "another") == (400, 40053)


async def test_another_tenants_keys_are_not_there(world: Any, keeper: Keeper) -> None:
    await keeper.put("captcha", "site", KEYS, tenant="other")
    assert await verify(world, "site-2", "person") == (400, 40053)


@pytest.fixture
def silence(google: GoogleForTests, world: Any) -> Iterator[None]:
    hurry(world, captcha_timeout_s=0.3)
    google.hold = asyncio.Event()
    yield
    google.hold.set()


async def test_silence_holds_a_create_up_for_the_set_time_and_refuses_it(
    world: Any, keeper: Keeper, silence: None
) -> None:
    await keeper.put("captcha", "site", KEYS)
    started = time.monotonic()
    assert await create(world, "person") == (503, 50351)
    assert time.monotonic() - started > 0.25
    assert await verify(world, "site-2", "person") == (503, 50351)


async def test_a_secret_that_google_does_not_know_is_no_verdict(world: Any, keeper: Keeper) -> None:
    await keeper.put("captcha", "site", {**KEYS, "secret_key": "mistyped"})
    assert await create(world, "person") == (503, 50351)


class TestAllowed:
    """Where the setting says that creates go on without a verdict."""

    @pytest.fixture
    def engagement_env(self, engagement_env: dict[str, str]) -> dict[str, str]:
        return {**engagement_env, "RINGBACK_ENGAGEMENT_CAPTCHA_ON_FAILURE": "allow"}

    async def test_silence_lets_a_create_pass(self, world: Any, keeper: Keeper, silence: None) -> None:
        await keeper.put("captcha", "site", KEYS)
        assert await create(world, "person") == (200, 0)

    async def test_but_a_refusal_stays_one(self, world: Any, keeper: Keeper) -> None:
        await keeper.put("captcha", "site", KEYS)
        assert await create(world, "made-up") == (400, 40052)
        assert await create(world) == (400, 40051)


async def test_secrets_are_shown_to_nobody_logged_nowhere_and_kept_encrypted(
    world: Any, keeper: Keeper, capfd: pytest.CaptureFixture[str]
) -> None:
    await keeper.put("captcha", "site", KEYS)
    assert await keeper.shown("captcha") == {
        "site": {
            "type": "V2_VISIBLE",
            "site_key": "site-2",
            "threshold": 0.5,
            "on_create": True,
            "on_failure": "",
            "verify_url": "",
        }
    }
    await create(world, "person")
    await create(world, "planted-token")
    rows = await world.query("SELECT * FROM engagement.credentials")
    assert len(rows) == 1
    assert "planted" not in repr([dict(row) for row in rows])
    out, err = capfd.readouterr()
    assert "planted" not in out + err
    assert "credential_stored" in out + err


async def test_a_row_moved_to_another_name_does_not_open(world: Any, keeper: Keeper) -> None:
    await keeper.put("captcha", "site", KEYS)
    await world.query("UPDATE engagement.credentials SET tenant = 'other' RETURNING 1")
    await keeper.put("captcha", "app", SCORED)  # what is remembered is forgotten
    assert list(await keeper.shown("captcha")) == ["app"]
    await world.query("UPDATE engagement.credentials SET tenant = 'demo', name = 'moved' WHERE name = 'site'")
    await keeper.put("captcha", "app", SCORED)
    assert list(await keeper.shown("captcha")) == ["app"]


@pytest.mark.parametrize(
    "wrong", [{"type": "V9"}, {"site_key": ""}, {"threshold": 2}, {"verify_url": "ftp://x"}]
)
async def test_wrong_keys_are_refused(keeper: Keeper, wrong: dict[str, object]) -> None:
    with pytest.raises(HttpFailure) as failure:
        await keeper.put("captcha", "site", {**KEYS, **wrong})
    assert failure.value.status == 400
    assert "planted" not in str(failure.value)


async def test_keys_can_be_deleted(world: Any, keeper: Keeper) -> None:
    await keeper.put("captcha", "site", KEYS)
    await keeper.delete("captcha", "site")
    assert await create(world) == (200, 0)
    with pytest.raises(HttpFailure):
        await keeper.delete("captcha", "site")


async def test_credentials_are_for_the_platforms_own_services(world: Any) -> None:
    url = f"{world.base}/internal/credentials/demo/captcha"
    async with world.context.http_session().put(f"{url}/x", data=msgspec.json.encode(KEYS)) as reply:
        assert reply.status == 401


async def test_requests_to_google_are_counted(world: Any, keeper: Keeper) -> None:
    await keeper.put("captcha", "site", KEYS)
    await create(world, "person")
    async with world.context.http_session().get(f"{world.base}/metrics") as reply:
        text = await reply.text()
    for row in ("ges-3", "ges-6"):
        assert any(row in line and not line.endswith(" 0.0") for line in text.splitlines()), row


class TestRoom:
    """A create that finds no room does not use its token up."""

    DAY = f"{datetime.now(UTC) + timedelta(days=40):%Y-%m-%d}"
    SLOT = f"{DAY}T15:00:00.000Z"

    @pytest.fixture(autouse=True)
    async def one_place(self, world: Any, keeper: Keeper) -> None:
        await world.publish({"few": {"_max_request_by_time_bucket": "1", "_request_time_bucket": "60"}})
        await world.book(serviceName="few", desiredTime=self.SLOT)
        await keeper.put("captcha", "site", KEYS)

    async def create(self, world: Any, token: str, **fields: object) -> tuple[int, int]:
        body = {**BODY, "phoneNumber": "+12025550124", "serviceName": "few", "captchaToken": token, **fields}
        status, envelope = await world.api("POST", "callbacks/create", body)
        return status, envelope["status"]["code"]

    async def test_the_token_is_good_for_the_slot_that_was_proposed_and_then_used_up(
        self, world: Any, google: GoogleForTests
    ) -> None:
        assert await self.create(world, "person", desiredTime=self.SLOT) == (429, 42901)
        assert await self.create(world, "person", desiredTime=self.SLOT) == (429, 42901)
        other = f"{self.DAY}T16:00:00.000Z"
        assert await self.create(world, "person", desiredTime=other) == (200, 0)
        assert google.verified == 1
        assert await self.create(world, "person", desiredTime=other) == (400, 40052)

    async def test_only_one_of_two_creates_gets_through_with_it(self, world: Any) -> None:
        assert await self.create(world, "person", desiredTime=self.SLOT) == (429, 42901)
        hours = [f"{self.DAY}T{hour}:00:00.000Z" for hour in (17, 18, 19)]
        got = await asyncio.gather(*[self.create(world, "person", desiredTime=hour) for hour in hours])
        assert sorted(got) == [(200, 0), (400, 40052), (400, 40052)]

    async def test_another_reason_than_room_uses_it_up(self, world: Any) -> None:
        strict = {"_enable_in_queue_checking": "strict", "_max_request_by_time_bucket": "9"}
        await world.publish({"strict": strict})
        assert await self.create(world, "person", serviceName="strict") == (200, 0)
        assert await self.create(world, "another", serviceName="strict") == (400, 40023)
        assert await self.create(world, "another") == (400, 40052)


@pytest.mark.parametrize(("on_failure", "status"), [("allow", 200), ("refuse", 503), ("", 503)])
async def test_a_key_set_says_what_happens_while_nobody_judges_its_tokens(
    world: Any, keeper: Keeper, google: GoogleForTests, on_failure: str, status: int
) -> None:
    await keeper.put("captcha", "site", {**KEYS, "on_failure": on_failure})
    await google.stop()
    assert (await create(world, "person"))[0] == status
