"""The voicemail service with the real config service, Valkey and files."""

import base64
import io

import aiohttp
import msgspec
import pytest
from argon2 import PasswordHasher

from ringback.contracts.configuration import kind_key, version_key
from ringback.contracts.voicemail import MessageWaiting, mailbox_events
from ringback.domain.configuration import DN, Extension, Mailbox
from ringback.media.recording import read_wav, write_wav
from ringback.media.tone import sine
from ringback.runtime.context import Context
from ringback.runtime.http import HttpClient
from ringback.runtime.service import ServiceHost
from ringback.runtime.settings import CommonSettings
from ringback.runtime.valkey import Valkey
from ringback.services.config.service import ConfigService
from ringback.services.voicemail.service import VoicemailService
from ringback.testing.servers import private_host

SECRET = {"X-Ringback-Cluster": "s3cret"}
WAV = write_wav(sine(440, 2.0))
BOX = "/fs/mailboxes/demo/8500"


def basic(user, pin):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{pin}".encode()).decode()}


async def configure(valkey_url, dns):
    valkey = Valkey(valkey_url)
    await valkey.start()
    for dn in dns:
        await valkey.call("HSET", kind_key("demo", "dns"), dn.id, msgspec.json.encode(dn))
    await valkey.call("SET", version_key("demo"), 1)
    await valkey.stop()


class Web:
    """A client that knows where the service is."""

    def __init__(self, session, base):
        self.session, self.base = session, base

    async def __call__(self, method, path, *, headers=None, data=None):
        async with self.session.request(method, self.base + path, headers=headers, data=data) as reply:
            body = await reply.read()
            self.headers = reply.headers
            is_json = reply.content_type == "application/json" and body
            return reply.status, msgspec.json.decode(body) if is_json else body


@pytest.fixture
async def host(valkey_url, tmp_path):
    address = private_host()
    common = CommonSettings(
        host=address, data=str(tmp_path), valkey_url=valkey_url, cluster_secret="s3cret", log_level="warning"
    )
    running = ServiceHost([ConfigService, VoicemailService], common, env={})
    pin_hash = PasswordHasher(time_cost=1, memory_cost=64).hash("4711")
    dns: list[DN] = [
        Mailbox(id="8500", name="Sales", pin_hash=pin_hash, max_messages=2, max_seconds=30),
        Mailbox(id="8501"),
        Extension(id="1001"),
    ]
    await configure(valkey_url, dns)
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def web(host):
    async with aiohttp.ClientSession() as session:
        yield Web(session, f"http://{host.process.common.host}:8081")


async def deposit(web, call="c1", wav=WAV, box=BOX):
    return await web(
        "POST", f"{box}/messages?from=%2B15550100&conn_id={call}", headers=SECRET, data=io.BytesIO(wav)
    )


async def test_a_message_is_taken_listed_heard_marked_and_deleted(web, host):
    status, message = await deposit(web)
    assert status == 201
    assert (message["seconds"], message["from_number"], message["read"]) == (2.0, "+15550100", False)
    mine = basic("8500", "4711")
    assert await web("GET", f"{BOX}/messages", headers=mine) == (200, [message])
    status, audio = await web("GET", f"{BOX}/messages/{message['id']}/audio", headers=mine)
    assert read_wav(audio) == sine(440, 2.0)
    await web("POST", f"{BOX}/messages/{message['id']}/read", headers=mine)
    _, view = await web("GET", BOX, headers=mine)
    assert (view["new_messages"], view["old_messages"]) == (0, 1)
    assert (await web("DELETE", f"{BOX}/messages/{message['id']}", headers=mine))[0] == 204
    assert await web("GET", f"{BOX}/messages", headers=mine) == (200, [])
    assert (await web("GET", f"{BOX}/messages/{message['id']}/audio", headers=mine))[0] == 404
    rows = await host.process.valkey.call("XRANGE", mailbox_events("demo"), "-", "+")
    events = [msgspec.json.decode(fields[1], type=MessageWaiting) for _, fields in rows]
    assert [event.id for event in events] == ["EventMessageWaitingOn"] + ["EventMessageWaitingOff"] * 2
    assert [(event.new_messages, event.old_messages) for event in events] == [(1, 0), (0, 1), (0, 0)]


async def test_the_same_call_deposits_one_message(web):
    first = await deposit(web, "c9")
    assert await deposit(web, "c9") == first
    assert len((await web("GET", f"{BOX}/messages", headers=SECRET))[1]) == 1


async def test_a_full_mailbox_says_so_and_takes_no_more(web):
    for call in ("a", "b"):
        assert (await deposit(web, call))[0] == 201
    status, refusal = await deposit(web, "c")
    assert (status, refusal["error"]) == (409, "mailbox_full")
    _, greeting = await web("GET", f"{BOX}/greeting", headers=SECRET)
    assert greeting["full"] is True


async def test_a_long_message_is_deposited_by_the_platforms_own_client(web, host):
    client = HttpClient(Context(host.process, "media"), "voicemail", connection="voice-18")
    await client.request("POST", f"{BOX}/messages?conn_id=long", write_wav(sine(440, 120.0)))
    _, (message,) = await web("GET", f"{BOX}/messages", headers=SECRET)
    assert (message["seconds"], message["size"]) == (120.0, 120 * 16000 + 44)


async def test_the_greeting_names_prompts_and_the_longest_message(web):
    status, greeting = await web("GET", f"{BOX}/greeting", headers=SECRET)
    assert status == 200
    assert greeting == {"prompts": ["voicemail-greeting"], "max_seconds": 30.0, "full": False}


async def test_wrong_pins_lock_the_mailbox_and_the_administrator_opens_it(web):
    for _ in range(4):
        assert (await web("GET", BOX, headers=basic("8500", "0000")))[0] == 401
    status, refusal = await web("GET", BOX, headers=basic("8500", "4711"))
    assert (status, refusal["error"]) == (423, "mailbox_locked")
    assert 0 < int(web.headers["Retry-After"]) <= 600
    _, views = await web("GET", "/fs/admin/mailboxes/demo", headers=SECRET)
    assert {view["mailbox"]: view["locked"] for view in views} == {"8500": True, "8501": False}
    assert (await web("DELETE", "/fs/admin/mailboxes/demo/8500/lock", headers=SECRET))[0] == 204
    assert (await web("GET", BOX, headers=basic("8500", "4711")))[0] == 200


@pytest.mark.parametrize(
    "headers",
    [{}, basic("8501", "4711"), {"Authorization": "Basic !"}, {"Authorization": "Digest x"}],
    ids=["none", "another mailbox", "not base64", "another scheme"],
)
async def test_who_does_not_show_the_pin_is_not_let_in(web, headers):
    assert (await web("GET", f"{BOX}/messages", headers=headers))[0] == 401
    assert web.headers["WWW-Authenticate"].startswith("Basic")


async def test_a_mailbox_without_a_pin_lets_nobody_in(web):
    box = "/fs/mailboxes/demo/8501"
    assert (await web("GET", box, headers=basic("8501", "")))[0] == 401
    assert (await web("GET", box, headers=SECRET))[0] == 200


async def test_only_our_own_services_greet_deposit_and_administer(web):
    for method, path in (
        ("GET", f"{BOX}/greeting"),
        ("POST", f"{BOX}/messages"),
        ("GET", "/fs/admin/mailboxes/demo"),
        ("DELETE", "/fs/admin/mailboxes/demo/8500/lock"),
    ):
        assert (await web(method, path, headers=basic("8500", "4711"), data=WAV))[0] == 401


@pytest.mark.parametrize(
    ("box", "wav", "status", "slug"),
    [
        ("8500", b"noise", 400, "not_wav"),
        ("8500", b"", 400, "not_wav"),
        ("8500", write_wav(bytes(800)), 400, "too_short"),
        ("8599", WAV, 404, "unknown_mailbox"),
        ("1001", WAV, 404, "unknown_mailbox"),
        ("8500", bytes(9_000_000), 413, "too_large"),
    ],
)
async def test_a_bad_deposit_is_refused_with_its_reason(web, box, wav, status, slug):
    got, refusal = await deposit(web, wav=wav, box=f"/fs/mailboxes/demo/{box}")
    assert (got, refusal["error"]) == (status, slug)


async def test_its_connections_are_counted(web, host):
    await deposit(web)
    metrics = (await web("GET", "/metrics"))[1].decode()
    for row in ("voice-15", "voice-24", "voice-29"):
        assert f'connection="{row}",direction="sent"' in metrics
    assert 'connection="voice-18",direction="received"' in metrics
