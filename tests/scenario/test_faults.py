"""What a platform in several processes keeps when one of them is killed, or a store is away."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from ringback.contracts.campaigns import ATTEMPT_ENDED, ATTEMPT_STARTED, RECORD_COMPLETED
from ringback.runtime.embedded import EmbeddedPostgres, EmbeddedServer, EmbeddedValkey
from ringback.runtime.http import HttpClient, HttpFailure
from ringback.testing import check_campaign as campaigns
from ringback.testing.check_report import CheckFailed
from ringback.testing.check_world import World, until
from ringback.testing.demo_tenant import CHECK_CAMPAIGN, CHECK_CUSTOMERS, CHECK_PHONES
from ringback.testing.phone import Behaviour, Phone, PhoneCarrier
from ringback.testing.phone_signalling import CallFailedError
from ringback.testing.servers import run_host
from ringback.testing.up import Up

pytestmark = [pytest.mark.timeout(150), pytest.mark.slow]
PROCESSES = 4
OUTAGE_S = float(os.environ.get("RINGBACK_TEST_OUTAGE_S", "2"))
PATIENCE_S = 20.0
"""So long customers wait for an agent: who left early would tell of the machine, not of the platform."""
NODES = [f"node-{number}" for number in range(1, PROCESSES + 1)]


@pytest.fixture(scope="module")
async def spread(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Up]:
    """The platform in four processes."""
    async with Up(tmp_path_factory.mktemp("spread"), run_host(42), processes=PROCESSES) as running:
        yield running


@pytest.fixture
async def agent(spread: Up) -> AsyncIterator[Phone]:
    await spread.whole()
    async with spread.world.phone(CHECK_PHONES[0]) as phone:
        phone.auto_answer = 0.1
        await phone.register()
        await spread.world.agent_becomes("check-1", "ready")
        phone.spawn(_say_a_word(phone))
        yield phone
    await spread.whole()
    await spread.world.agent_becomes("check-1", "logged_out", timeout=30.0)


@pytest.fixture
async def carrier(spread: Up) -> AsyncIterator[PhoneCarrier]:
    async with spread.world.carrier() as carrier:
        carrier.default = Behaviour(answer_after=0.1, hang_up_after=PATIENCE_S)
        yield carrier


async def is_dialled_once(world: World, carrier: PhoneCarrier, callback: str, number: str) -> None:
    """The callback ends well, and the customer's phone has rung once."""
    seen = await world.callback_becomes(callback, "COMPLETED", timeout=60.0)
    assert seen["callbackReason"] == "AGENT_CONNECTED"
    assert [call.number for call in carrier.received_calls] == [number]


class TestKill:
    """`kill -9` of each process in turn."""

    @pytest.mark.parametrize("node", NODES)
    async def test_a_scheduled_callback_is_dialled_exactly_once(
        self, spread: Up, agent: Phone, carrier: PhoneCarrier, node: str
    ) -> None:
        desired = datetime.now(UTC) + timedelta(seconds=5)
        number = CHECK_CUSTOMERS[1]
        text = desired.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        callback = await spread.world.book(number, desiredTime=text)
        assert (await spread.world.callback(callback))["callbackState"] == "SCHEDULED"
        await spread.kill(node)
        await is_dialled_once(spread.world, carrier, callback, number)

    @pytest.mark.parametrize("node", NODES)
    async def test_a_queued_callback_is_dialled_exactly_once(
        self, spread: Up, agent: Phone, carrier: PhoneCarrier, node: str
    ) -> None:
        world, number = spread.world, CHECK_CUSTOMERS[2]
        await world.not_ready("check-1")
        await world.agent_becomes("check-1", "not_ready")
        callback = await world.book(number)
        await world.callback_becomes(callback, "QUEUED")
        await spread.kill(node)
        await spread.whole()
        assert not carrier.received_calls
        await world.ready("check-1")
        await is_dialled_once(world, carrier, callback, number)


class TestCampaign:
    """`kill -9` of each process in turn, each at the moment at which a customer's phone rings."""

    @pytest.mark.timeout(300)
    async def test_a_running_campaign_dials_each_attempt_once_and_tells_what_became_of_all(
        self, spread: Up, agent: Phone, carrier: PhoneCarrier
    ) -> None:
        world = spread.world
        carrier.default = Behaviour(answer_after=0.5, hang_up_after=PATIENCE_S)
        customers = CHECK_CUSTOMERS[:8]
        link = await world.link("campaigns", "voice-1")
        added = await campaigns.add(link, *customers)
        assert added["added"] == len(customers)
        await campaigns.start(link, CHECK_CAMPAIGN)
        for node in NODES:
            rung = len(carrier.received_calls)
            await until(lambda: _rung(carrier), lambda seen, rung=rung: seen > rung, 60.0)
            await spread.kill(node)
            await spread.whole(60.0)
            await _at_work(world)
        link = await world.link("campaigns", "voice-1")
        status = await until(
            lambda: campaigns.status(link, CHECK_CAMPAIGN),
            lambda seen: seen.counts.done == len(customers),
            90.0,
        )
        assert sum(status.counts.results.values()) == len(customers)
        assert status.counts.open == 0
        rung_at = [call.number for call in carrier.received_calls]
        assert len(rung_at) == len(set(rung_at)), "somebody's phone rang twice"
        told = await campaigns.events(link, CHECK_CAMPAIGN)
        began = [each.reference_id for each in told if each.id == ATTEMPT_STARTED]
        ended = [each for each in told if each.id == ATTEMPT_ENDED]
        assert sorted(began) == sorted(each.reference_id for each in ended)
        completed = sorted(each.record for each in told if each.id == RECORD_COMPLETED)
        assert completed == sorted(customers)
        assert {each.record for each in ended if each.dial_result == "CONNECTED"} <= set(rung_at)
        await campaigns.put_away(link)


async def _say_a_word(agent: Phone) -> None:
    """Each call that the agent's phone answers ends after a second."""
    while True:
        call = await agent.wait_call(600.0)
        with contextlib.suppress(TimeoutError, CallFailedError):  # it may die with the node that is killed
            await call.wait_answered()
            await asyncio.sleep(1.0)
            await call.hangup()


async def _rung(carrier: PhoneCarrier) -> int:
    return len(carrier.received_calls)


async def _at_work(world: World) -> None:
    """The agent's call may have died with a node: then a person presses ready again."""
    seen = await world.agent_becomes("check-1", "ready", "not_ready", "talking", "ringing", timeout=60.0)
    if seen.state == "not_ready":
        await world.ready("check-1")


@pytest.fixture(scope="module")
async def stores(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[Up, dict[str, EmbeddedServer]]]:
    folder = tmp_path_factory.mktemp("stores")
    valkey, postgres = EmbeddedValkey(folder / "valkey"), EmbeddedPostgres(folder / "postgres")
    await asyncio.gather(valkey.start(), postgres.start())
    env = {"RINGBACK_VALKEY_URL": valkey.url, "RINGBACK_POSTGRES_DSN": postgres.dsn}
    try:
        async with Up(folder / "data", run_host(43), env=env) as running:
            yield running, {"valkey": valkey, "postgres": postgres}
    finally:
        await asyncio.gather(valkey.stop(), postgres.stop())


class TestStores:
    """Valkey or PostgreSQL is stopped for seconds and started again."""

    @pytest.mark.parametrize("store", ["valkey", "postgres"])
    async def test_services_say_so_recover_and_lose_nothing_that_was_acknowledged(
        self, stores: tuple[Up, dict[str, EmbeddedServer]], store: str
    ) -> None:
        running, servers = stores
        world = running.world
        async with world.carrier() as carrier, world.phone(CHECK_PHONES[0]) as phone:
            carrier.default = Behaviour(answer_after=0.1, hang_up_after=PATIENCE_S)
            phone.auto_answer = 0.1
            await phone.register()
            phone.spawn(_say_a_word(phone))
            await world.agent_becomes("check-1", "ready")
            kept = {number: await world.book(number, desiredTime=_soon()) for number in CHECK_CUSTOMERS[:2]}
            await servers[store].stop()
            engagement = HttpClient(world.ctx, "engagement")
            await until(lambda: _ready(engagement), lambda ready: not ready, 10.0)
            kept |= await _book_while_away(world, CHECK_CUSTOMERS[2])
            await asyncio.sleep(OUTAGE_S)  # the length of the outage, not a wait
            await servers[store].start()
            await until(lambda: _ready(engagement), lambda ready: ready, 30.0)
            for callback in kept.values():
                await world.callback_becomes(callback, "COMPLETED", timeout=60.0)
            assert sorted(call.number for call in carrier.received_calls) == sorted(kept)
        await world.agent_becomes("check-1", "logged_out", timeout=20.0)


def _soon() -> str:
    moment = datetime.now(UTC) + timedelta(seconds=2)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def _ready(service: HttpClient) -> bool:
    try:
        return bool((await service.get("/ready"))["ready"])
    except (HttpFailure, ConnectionError):
        return False


async def _book_while_away(world: World, number: str) -> dict[str, str]:
    """What is acknowledged while the store is away counts; a refusal is honest."""
    try:
        return {number: await world.book(number)}
    except (CheckFailed, OSError, TimeoutError):
        return {}
