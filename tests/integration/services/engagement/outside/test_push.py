"""Push: publishing at once, and the notice that a callback's turn comes near."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession, web

from ringback.contracts.callbacks import session_id
from ringback.runtime.http import HttpClient, HttpFailure
from ringback.testing.google_server import GoogleForTests
from ringback.testing.hook_server import HookForTests
from ringback.testing.platform import ServiceHarness

from ..conftest import SETTINGS, until
from .conftest import Keeper, hurry

DEVICE = "planted-device"
EVENT = msgspec.json.encode({"title": "Your turn", "body": "We call you soon"}).decode()


@pytest.fixture(autouse=True)
async def channels(keeper: Keeper, google: GoogleForTests, hook: HookForTests) -> None:
    google.devices.add(DEVICE)
    account = google.service_account()
    del account["base_url"]  # found by the setting
    await keeper.put("push", "FCM", account)
    await keeper.put("push", "crm", {"type": "http", "url": hook.url, "secret": hook.secret})


async def publish(world: Any, channel: str = "FCM", target: str = DEVICE, **more: object) -> tuple[int, Any]:
    body = {"channel": channel, "target": target, "event": EVENT, **more}
    status, envelope = await world.api("POST", "notification/publish", body)
    return status, envelope.get("data", envelope["status"])


class TestPublish:
    """`POST /engagement/v3/notification/publish`."""

    async def test_a_notification_is_sent_and_its_name_returned(
        self, world: Any, google: GoogleForTests
    ) -> None:
        status, data = await publish(world)
        assert (status, data["name"]) == (200, "projects/ringback-check/messages/1")
        assert google.messages == [
            {"token": DEVICE, "notification": {"title": "Your turn", "body": "We call you soon"}}
        ]

    async def test_one_bearer_token_serves_many_messages(self, world: Any, google: GoogleForTests) -> None:
        assert [status for status, _ in await asyncio.gather(*[publish(world) for _ in range(5)])] == [
            200
        ] * 5
        assert google.granted == 1

    async def test_a_withdrawn_bearer_token_is_replaced(self, world: Any, google: GoogleForTests) -> None:
        await publish(world)
        google.bearers.clear()
        assert (await publish(world))[0] == 200
        assert google.granted == 2

    async def test_validation_alone_delivers_nothing(self, world: Any, google: GoogleForTests) -> None:
        assert (await publish(world, validate_only=True))[0] == 200
        assert google.messages == []

    async def test_a_notification_may_bring_data(self, world: Any, google: GoogleForTests) -> None:
        event = {"notification": {"title": "Soon"}, "data": {"order": "7"}}
        await publish(world, event=msgspec.json.encode(event).decode())
        assert google.messages[0]["data"] == {"order": "7"}

    async def test_an_unknown_device_is_refused(self, world: Any) -> None:
        status, answer = await publish(world, target="nobody")
        assert (status, answer["code"]) == (400, 40055)
        assert "UNREGISTERED" in answer["message"]

    async def test_an_unknown_channel_is_refused(self, world: Any) -> None:
        status, answer = await publish(world, channel="APNS")
        assert (status, answer["code"]) == (400, 40054)

    @pytest.mark.parametrize(
        "event", ["no JSON", "[]", '{"title": 1}', '{"icon": "x"}', '{"data": {"a": 1}}']
    )
    async def test_what_is_no_notification_is_refused(
        self, world: Any, google: GoogleForTests, event: str
    ) -> None:
        status, answer = await publish(world, event=event)
        assert (status, answer["code"]) == (400, 40002)
        assert google.sends == 0

    async def test_googles_overload_is_passed_on_with_its_wait(
        self, world: Any, google: GoogleForTests
    ) -> None:
        google.failures.append((429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", {"Retry-After": "17"}))
        status, answer = await publish(world)
        assert (status, answer["code"]) == (503, 50352)

    async def test_a_hook_gets_a_signed_notice(self, world: Any, hook: HookForTests) -> None:
        status, data = await publish(world, channel="crm", target="customer-7")
        assert status == 200
        assert hook.taken[0]["id"] == data["name"]
        assert hook.taken[0]["target"] == "customer-7"
        assert hook.taken[0]["notification"]["title"] == "Your turn"

    async def test_an_account_whose_key_is_another_ones_is_refused(
        self, world: Any, keeper: Keeper, google: GoogleForTests
    ) -> None:
        other = GoogleForTests(other_account=True).service_account()
        await keeper.put("push", "FCM", {**other, "token_uri": f"{google.base}/token"})
        status, answer = await publish(world)
        assert (status, answer["code"]) == (400, 40055)
        assert google.violations == ["token: the signature is wrong"]
        google.violations.clear()


async def test_a_private_key_that_is_none_is_refused(keeper: Keeper, google: GoogleForTests) -> None:
    with pytest.raises(HttpFailure) as failure:
        await keeper.put("push", "FCM", {**google.service_account(), "private_key": "planted"})
    assert failure.value.status == 400
    assert "planted" not in str(failure.value)


async def test_no_secret_of_a_channel_is_shown_or_logged(
    world: Any, keeper: Keeper, google: GoogleForTests, capfd: pytest.CaptureFixture[str]
) -> None:
    shown = repr(await keeper.shown("push"))
    await publish(world)
    out, err = capfd.readouterr()
    for text in (shown, out, err):
        assert "PRIVATE KEY" not in text
        assert "long-enough" not in text
    assert DEVICE not in out + err
    assert not any(bearer in out + err for bearer in google.bearers)


class TestUpcoming:
    """CALLBACK_UPCOMING."""

    @pytest.fixture(autouse=True)
    async def threshold(self, world: Any) -> None:
        designer = HttpClient(world.context, "engagement", connection="ges-14")
        more = {"_push_notification_threshold": "2", "_enable_in_queue_checking": "false"}
        more["_throttle_request_parameters"] = ""
        settings = {"sales": {**SETTINGS["sales"], **more}}
        await designer.post("/internal/settings/demo", settings)

    async def notices(self, world: Any, callback: str) -> list[dict[str, Any]]:
        client = HttpClient(world.context, "engagement")
        found: list[dict[str, Any]] = await client.get(f"/internal/notices/demo/{callback}")
        return found

    async def finished(self, world: Any, callback: str, number: int = 1) -> list[dict[str, Any]]:
        async def look() -> list[dict[str, Any]] | None:
            found = await self.notices(world, callback)
            return found if sum(each["state"] != "PENDING" for each in found) == number else None

        result: list[dict[str, Any]] = await until(look)
        return result

    async def book(self, world: Any, *channels: str, ewt: float = 500.0, target: str = DEVICE) -> str:
        targets = [{"channel": each, "target": target} for each in channels or ("FCM",)]
        callback: str = await world.book(pushTargets=targets)
        self.wait(world, callback, ewt)
        return callback

    def wait(self, world: Any, callback: str, ewt: float) -> None:
        world.peers.waits[f"{session_id(callback, 1)}@sales"] = {"pos": 3, "ewt": ewt}

    async def looks(self, world: Any) -> None:
        """Two whole looks by hand, beside those that the service makes itself."""
        push = world.harness["engagement"]._outside._push
        await push.watch()
        await push.deliver()

    async def test_it_is_sent_once_when_the_wait_falls_under_the_threshold(
        self, world: Any, google: GoogleForTests
    ) -> None:
        callback = await self.book(world)
        await self.looks(world)
        assert await self.notices(world, callback) == []
        self.wait(world, callback, 119.0)
        notice = (await self.finished(world, callback))[0]
        assert (notice["event"], notice["channel"], notice["state"]) == ("CALLBACK_UPCOMING", "FCM", "SENT")
        assert notice["result"] == "projects/ringback-check/messages/1"
        data = google.messages[0]["data"]
        assert data.pop("link").startswith(f"{world.base}/c/")
        assert data.pop("receipt")
        assert data == {
            "event": "CALLBACK_UPCOMING",
            "id": callback,
            "serviceName": "sales",
            "estimatedWaitTime": "119",
        }
        self.wait(world, callback, 500.0)
        await self.looks(world)
        self.wait(world, callback, 10.0)
        await self.looks(world)
        assert len(google.messages) == 1, "a second fall says nothing new"

    async def test_a_wait_at_the_threshold_or_unknown_is_not_under_it(self, world: Any) -> None:
        callback = await self.book(world, ewt=120.0)
        await self.looks(world)
        self.wait(world, callback, -1.0)
        await self.looks(world)
        assert await self.notices(world, callback) == []

    async def test_an_agent_reserved_is_no_wait_at_all(self, world: Any) -> None:
        callback = await self.book(world)
        await world.step(callback, 1, "ROUTING", agent_id="a1")
        assert (await self.finished(world, callback))[0]["state"] == "SENT"

    async def test_all_devices_are_told(self, world: Any, google: GoogleForTests, hook: HookForTests) -> None:
        callback = await self.book(world, "FCM", "crm", ewt=10.0)
        found = await self.finished(world, callback, 2)
        assert {each["state"] for each in found} == {"SENT"}
        assert len(google.messages) == len(hook.taken) == 1
        assert hook.taken[0]["data"]["id"] == callback

    async def test_it_is_tried_again_until_it_is_taken(self, world: Any, hook: HookForTests) -> None:
        hook.statuses += [500, 429]
        callback = await self.book(world, "crm", ewt=10.0)
        found = await self.finished(world, callback)
        assert (found[0]["state"], found[0]["tries"]) == ("SENT", 3)
        assert hook.seen == [found[0]["id"]] * 3, "the same notice each time"

    async def test_it_is_given_up_after_the_set_number_of_tries(
        self, world: Any, google: GoogleForTests
    ) -> None:
        google.failures += [(503, "UNAVAILABLE", "UNAVAILABLE", {})] * 9
        found = await self.finished(world, await self.book(world, ewt=10.0))
        assert (found[0]["state"], found[0]["result"], found[0]["tries"]) == ("FAILED", "UNAVAILABLE", 4)

    @pytest.mark.parametrize(
        ("channel", "target", "result"),
        [("FCM", "sold", "UNREGISTERED"), ("gone", DEVICE, "channel-unknown")],
    )
    async def test_what_can_never_be_taken_is_not_tried_again(
        self, world: Any, channel: str, target: str, result: str
    ) -> None:
        callback = await self.book(world, channel, ewt=10.0, target=target)
        found = await self.finished(world, callback)
        assert (found[0]["state"], found[0]["result"], found[0]["tries"]) == ("FAILED", result, 1)

    async def test_silence_is_tried_again(self, world: Any, google: GoogleForTests) -> None:
        google.hold = asyncio.Event()
        hurry(world, push_timeout_s=0.5)
        callback = await self.book(world, ewt=10.0)

        async def tried() -> bool:
            return any(each["result"] == "no-answer" for each in await self.notices(world, callback))

        await until(tried)
        hurry(world, push_timeout_s=20.0)
        google.hold.set()
        assert (await self.finished(world, callback))[0]["state"] == "SENT"

    async def test_a_notice_of_a_callback_that_is_over_is_not_sent(
        self, world: Any, hook: HookForTests
    ) -> None:
        hook.statuses += [500] * 3
        callback = await self.book(world, "crm", ewt=10.0)

        async def tried() -> bool:
            return bool(hook.seen)

        await until(tried)
        await world.cancel(callback)
        assert (await self.finished(world, callback))[0]["result"] == "callback-over"

    async def test_two_nodes_tell_a_device_once(
        self, world: Any, google: GoogleForTests, engagement_env: dict[str, str]
    ) -> None:
        other = ServiceHarness(
            "engagement",
            valkey_url=world.harness.process.common.valkey_url,
            postgres_dsn=world.dsn,
            host=world.host,
            env={**engagement_env, "RINGBACK_ENGAGEMENT_PORT": "0"},
        )
        async with other:
            callbacks = [await self.book(world, ewt=10.0) for _ in range(20)]
            for callback in callbacks:
                await self.finished(world, callback)
        ids = [message["data"]["id"] for message in google.messages]
        assert sorted(ids) == sorted(callbacks)

    async def test_a_notice_that_was_claimed_by_a_node_that_died_is_sent_by_another(
        self, world: Any, google: GoogleForTests
    ) -> None:
        google.hold = asyncio.Event()
        callback = await self.book(world, ewt=10.0)

        async def claimed() -> bool:
            return any(each["tries"] for each in await self.notices(world, callback))

        await until(claimed)
        # As if the claimer had died while it sent: the lease is over, and nothing was written.
        later = "UPDATE engagement.notices SET next_try_at = now() - interval '1 hour' RETURNING id"
        assert await world.query(later)
        google.hold.set()
        assert (await self.finished(world, callback))[0]["state"] == "SENT"

    async def test_targets_that_are_none_are_refused(self, world: Any) -> None:
        for targets in (
            [{"channel": "FCM"}],
            [{"channel": "", "target": "x"}],
            "FCM",
            [{}] * 2,
            [{"channel": "FCM", "target": "a\0b"}],
        ):
            body = {"serviceName": "sales", "phoneNumber": "+12025550123", "pushTargets": targets}
            status, envelope = await world.api("POST", "callbacks/create", body)
            assert (status, envelope["status"]["code"]) == (400, 40002)

    async def test_a_create_with_targets_and_an_idempotency_key_is_made_once(self, world: Any) -> None:
        body = {
            "serviceName": "sales",
            "phoneNumber": "+12025550123",
            "pushTargets": [{"channel": "FCM", "target": DEVICE}],
        }
        first = await world.api("POST", "callbacks/create", body, Idempotency_Key="k")
        again = await world.api("POST", "callbacks/create", body, Idempotency_Key="k")
        assert first[1]["data"] == again[1]["data"]
        assert len(await world.query("SELECT * FROM engagement.push_watch")) == 1

    async def test_watches_of_callbacks_that_are_over_are_forgotten(self, world: Any) -> None:
        callback = await self.book(world)
        await world.cancel(callback)
        await world.harness["engagement"]._outside._push.tidy()
        assert await world.query("SELECT * FROM engagement.push_watch") == []

    async def test_deliveries_are_counted(self, world: Any, google: GoogleForTests) -> None:
        google.failures.append((500, "INTERNAL", "INTERNAL", {}))
        await self.finished(world, await self.book(world, ewt=10.0))
        async with world.context.http_session().get(f"{world.base}/metrics") as reply:
            text = await reply.text()
        assert 'ges_push_notifications_sent{result="ok"} 1.0' in text
        assert 'ges_push_notifications_sent{result="failed"} 1.0' in text


class Proxy:
    """A forward proxy for plain HTTP."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.url = ""

    async def serve(self, request: web.BaseRequest) -> web.Response:
        target = request._message.path  # the whole address, as a proxy gets it
        self.asked.append(target)
        async with ClientSession() as session:
            sent = {k: v for k, v in request.headers.items() if k.lower() not in ("host", "content-length")}
            async with session.post(target, data=await request.read(), headers=sent) as reply:
                body, kind = await reply.read(), reply.content_type
                return web.Response(status=reply.status, body=body, content_type=kind)


class TestProxy:
    """Where nothing goes out but through a proxy."""

    @pytest.fixture
    async def proxy(self) -> AsyncIterator[Proxy]:
        proxy = Proxy()
        runner = web.ServerRunner(web.Server(proxy.serve))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        proxy.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield proxy
        await runner.cleanup()

    @pytest.fixture
    def engagement_env(self, engagement_env: dict[str, str], proxy: Proxy) -> dict[str, str]:
        return {**engagement_env, "RINGBACK_ENGAGEMENT_EGRESS_PROXY": proxy.url}

    async def test_token_and_message_go_through_it(
        self, world: Any, proxy: Proxy, google: GoogleForTests
    ) -> None:
        assert (await publish(world))[0] == 200
        assert proxy.asked == [
            f"{google.base}/token",
            f"{google.base}/v1/projects/ringback-check/messages:send",
        ]
