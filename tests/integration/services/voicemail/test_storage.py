"""The voicemail service on S3 over real HTTP: what it keeps there, and what it does while S3 is away."""

import asyncio

import aiohttp
import msgspec
import pytest

from ringback.contracts.configuration import kind_key, version_key
from ringback.domain.configuration import Mailbox
from ringback.media.recording import write_wav
from ringback.media.tone import sine
from ringback.runtime.http import CLUSTER_HEADER
from ringback.runtime.valkey import Valkey
from ringback.testing.object_server import ACCESS_KEY, BUCKET, REGION, SECRET_KEY, S3ForTests
from ringback.testing.platform import SECRET, ServiceHarness
from ringback.testing.servers import private_host

WAV = write_wav(sine(440, 2.0))
BOX = "/fs/mailboxes/demo/8500"


@pytest.fixture
async def s3():
    server = S3ForTests()
    await server.start()
    yield server
    await server.stop()
    assert server.violations == []


@pytest.fixture
async def harness(s3, valkey_url, tmp_path):
    valkey = Valkey(valkey_url)
    await valkey.start()
    box = Mailbox(id="8500", name="Sales", max_messages=2, max_seconds=30)
    await valkey.call("HSET", kind_key("demo", "dns"), box.id, msgspec.json.encode(box))
    await valkey.call("SET", version_key("demo"), 1)
    await valkey.stop()
    (tmp_path / "secret").write_text(SECRET_KEY)
    storage = {
        "URL": f"s3://{BUCKET}/mail",
        "ENDPOINT": s3.endpoint,
        "REGION": REGION,
        "ALLOW_HTTP": "true",
        "ACCESS_KEY": ACCESS_KEY,
        "SECRET_KEY_FILE": str(tmp_path / "secret"),
        "TIMEOUT_S": "10",
        "PROBE_S": "0.05",
    }
    env = {f"RINGBACK_VOICEMAIL_STORAGE_{name}": value for name, value in storage.items()}
    async with ServiceHarness(
        "config",
        "voicemail",
        valkey_url=valkey_url,
        host=private_host(),
        data=str(tmp_path / "data"),
        env=env,
    ) as running:
        yield running


@pytest.fixture
async def ask(harness):
    base = harness.context().url("voicemail")
    async with aiohttp.ClientSession(headers={CLUSTER_HEADER: SECRET}) as session:

        async def ask(method, path, data=None):
            async with session.request(method, base + path, data=data) as reply:
                body = await reply.read()
                is_json = reply.content_type == "application/json" and body
                return reply.status, msgspec.json.decode(body) if is_json else body

        yield ask


async def until_ready(ask, wanted):
    async with asyncio.timeout(15):
        while True:
            status, body = await ask("GET", "/ready")
            if body["checks"]["storage"] is wanted:
                return status


async def test_a_message_is_kept_heard_and_removed_in_the_bucket(ask, s3):
    status, message = await ask("POST", f"{BOX}/messages?conn_id=c1", WAV)
    assert status == 201
    key = f"mail/demo/8500/{message['id']}.wav"
    assert s3.objects[key] == WAV
    assert await ask("GET", f"{BOX}/messages/{message['id']}/audio") == (200, WAV)
    assert (await ask("DELETE", f"{BOX}/messages/{message['id']}"))[0] == 204
    assert key not in s3.objects
    assert f"/{BUCKET}/{key}" in [path for method, path in s3.requests if method == "DELETE"]


async def test_while_storage_is_away_it_says_so_loses_nothing_and_recovers_by_itself(ask, s3):
    _, message = await ask("POST", f"{BOX}/messages?conn_id=c1", WAV)
    assert await until_ready(ask, True) == 200
    await s3.stop()
    path = f"{BOX}/messages/{message['id']}"
    for method, asked, data in (
        ("POST", f"{BOX}/messages?conn_id=c2", WAV),
        ("GET", f"{path}/audio", None),
        ("DELETE", path, None),
    ):
        status, refusal = await ask(method, asked, data)
        assert (status, refusal["error"]) == (503, "unavailable")
    assert await until_ready(ask, False) == 503
    assert await ask("GET", f"{BOX}/messages") == (200, [message])
    await s3.start()
    assert await until_ready(ask, True) == 200
    assert await ask("GET", f"{path}/audio") == (200, WAV)
    assert (await ask("POST", f"{BOX}/messages?conn_id=c2", WAV))[0] == 201


async def test_keys_and_secrets_are_in_no_answer_and_no_log(ask, s3, capfd):
    s3.access_keys.clear()
    status, refusal = await ask("POST", f"{BOX}/messages?conn_id=c1", WAV)
    assert status == 503
    assert await until_ready(ask, False) == 503
    logged = "".join(capfd.readouterr())
    assert "InvalidAccessKeyId" in logged
    for private in (ACCESS_KEY, SECRET_KEY, "AWS4-HMAC"):
        assert private not in logged + str(refusal)
