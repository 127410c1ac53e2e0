"""Object storage on a real folder, and over real HTTP."""

import asyncio
import errno
import hashlib
import os
import shutil
import sys

import pytest
from aiohttp import ClientSession, web

from ringback.runtime.objects import ObjectAccess, ObjectStorage, ObjectsUnavailable
from ringback.testing.object_server import ACCESS_KEY, BUCKET, REGION, SECRET_KEY, S3ForTests

KEY = "demo/+1555/one.wav"


@pytest.fixture
async def s3():
    server = S3ForTests()
    await server.start()
    yield server
    await server.stop()


def on_s3(server, url=f"s3://{BUCKET}/voice/mail", access_key=ACCESS_KEY, count=lambda: None):
    access = ObjectAccess(
        url,
        endpoint=server.endpoint,
        region=REGION,
        allow_http=True,
        access_key=access_key,
        secret_key=SECRET_KEY,
        timeout_s=10.0,
    )
    return ObjectStorage(access, count)


class Notes:
    """Takes what `watch` says."""

    def __init__(self):
        self.said = asyncio.Queue()

    def info(self, event, **fields):
        self.said.put_nowait((event, fields))

    warning = info

    async def next(self):
        return await asyncio.wait_for(self.said.get(), 10)


@pytest.fixture(params=["folder", "s3"])
async def reopened(request, tmp_path, s3):
    """Opens the same store again and again."""
    yield lambda: ObjectStorage(ObjectAccess(tmp_path.as_uri())) if request.param == "folder" else on_s3(s3)
    assert s3.violations == []


class TestBothStores:
    async def test_an_object_is_stored_found_again_replaced_and_removed(self, reopened):
        await reopened().put(KEY, b"first, longer")
        await reopened().put(KEY, b"second")
        assert await reopened().get(KEY) == b"second"
        await reopened().delete(KEY)
        await reopened().delete(KEY)
        assert await reopened().get(KEY) is None

    async def test_an_object_of_eight_megabytes_goes_in_one_piece(self, reopened):
        data = os.urandom(8 * 1024 * 1024)
        await reopened().put(KEY, data)
        assert await reopened().get(KEY) == data

    async def test_it_is_available_once_a_probe_has_written_and_read(self, reopened):
        storage = reopened()
        assert not storage.available
        assert await storage.probe() == ""
        assert storage.available
        assert await storage.probe() == ""


class TestFolder:
    async def test_an_object_and_the_folders_above_it_are_synced_before_put_returns(
        self, tmp_path, monkeypatch
    ):
        synced = []
        real = os.fsync

        def fsync(handle):
            synced.append(os.fstat(handle).st_ino)
            real(handle)

        storage = ObjectStorage(ObjectAccess(tmp_path.as_uri()))
        monkeypatch.setattr(os, "fsync", fsync)
        await storage.put("demo/8500/one.wav", b"sound")
        below = ["demo/8500/one.wav", "demo/8500", "demo", "."]
        assert synced == [(tmp_path / path).stat().st_ino for path in below]
        assert [path.name for path in (tmp_path / "demo/8500").iterdir()] == ["one.wav"]

    async def test_every_object_that_was_acknowledged_survives_kill_9(self, tmp_path):
        writer = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _WRITER, tmp_path.as_uri(), stdout=asyncio.subprocess.PIPE
        )
        lines = [await asyncio.wait_for(writer.stdout.readline(), 30) for _ in range(20)]
        writer.kill()
        lines += (await writer.stdout.read()).splitlines()
        await writer.wait()
        storage = ObjectStorage(ObjectAccess(tmp_path.as_uri()))
        for key, digest in (line.decode().split() for line in lines):
            assert hashlib.sha256(await storage.get(key)).hexdigest() == digest
        for path in (tmp_path / "box").glob("*.wav"):
            assert path.stat().st_size == 300_000

    async def test_a_disk_that_refuses_is_an_error_and_recovers(self, tmp_path, monkeypatch):
        storage = ObjectStorage(ObjectAccess(tmp_path.as_uri()))
        await storage.probe()

        def full(handle):
            raise OSError(errno.EIO, "I/O error")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(ObjectsUnavailable):
                await storage.put(KEY, b"sound")
            assert await storage.probe() == "OSError"
            assert not storage.available
        assert await storage.probe() == ""
        assert storage.available

    async def test_a_folder_that_something_else_took_the_place_of_is_away(self, tmp_path):
        folder = tmp_path / "recordings"
        storage = ObjectStorage(ObjectAccess(folder.as_uri()))
        await storage.probe()
        shutil.rmtree(folder)
        folder.touch()
        with pytest.raises(ObjectsUnavailable, match="NotADirectory"):
            await storage.put(KEY, b"sound")
        assert not storage.available


class TestS3:
    async def test_objects_are_below_the_prefix_and_nothing_is_left(self, s3):
        storage = on_s3(s3)
        await storage.put(KEY, b"sound")
        assert s3.objects == {f"voice/mail/{KEY}": b"sound"}
        await storage.delete(KEY)
        assert s3.objects == {}
        assert [method for method, _ in s3.requests] == ["PUT", "DELETE"]

    async def test_operations_are_counted_and_probes_are_not(self, s3):
        counted = []
        storage = on_s3(s3, count=lambda: counted.append(1))
        await storage.probe()
        await storage.put(KEY, b"sound")
        await storage.get(KEY)
        await storage.delete(KEY)
        assert len(counted) == 3

    async def test_a_request_that_failed_once_is_made_again(self, s3):
        s3.failures = [(503, "SlowDown"), (500, "InternalError")]
        await on_s3(s3).put(KEY, b"sound")
        assert [method for method, _ in s3.requests] == ["PUT"] * 3
        assert s3.objects[f"voice/mail/{KEY}"] == b"sound"

    @pytest.mark.parametrize(
        ("url", "access_key", "code"),
        [
            (f"s3://{BUCKET}", "AKIDUNKNOWN", "InvalidAccessKeyId"),
            ("s3://elsewhere", ACCESS_KEY, "NoSuchBucket"),
        ],
        ids=["unknown key", "no bucket"],
    )
    async def test_a_refusal_is_told_by_its_code_and_without_keys_or_addresses(
        self, s3, url, access_key, code
    ):
        storage = on_s3(s3, url, access_key)
        for operation in (storage.put(KEY, b"sound"), storage.get(KEY), storage.delete(KEY)):
            with pytest.raises(ObjectsUnavailable, match=code) as refusal:
                await operation
            assert refusal.value.__cause__ is None
            for private in (access_key, SECRET_KEY, "127.0.0.1", "AWS4"):
                assert private not in str(refusal.value)

    async def test_a_store_that_went_away_and_came_back_is_said_once_each(self, s3):
        storage, notes = on_s3(s3), Notes()
        watching = asyncio.create_task(storage.watch(notes, every_s=0.05))
        assert await notes.next() == ("objects_available", {})
        await s3.stop()
        event, fields = await notes.next()
        assert (event, "Connect" in fields["reason"]) == ("objects_away", True)
        with pytest.raises(ObjectsUnavailable):
            await storage.get(KEY)
        await s3.start()
        assert await notes.next() == ("objects_available", {})
        assert storage.available
        watching.cancel()

    async def test_a_failed_write_is_forgiven_when_a_write_succeeds_and_not_before(self, s3):
        storage = on_s3(s3)
        await storage.probe()
        s3.failure = (507, "InsufficientStorage")
        with pytest.raises(ObjectsUnavailable, match="507"):
            await storage.put(KEY, b"sound")
        assert "507" in await storage.probe()
        s3.failure, s3.requests = None, []
        await storage.probe()
        assert storage.available
        assert s3.requests[0] == ("PUT", f"/{BUCKET}/voice/mail/.ready-probe")

    async def test_a_server_that_never_answers_is_given_up(self):
        callers = []
        silent = await asyncio.start_server(lambda _reader, writer: callers.append(writer), "127.0.0.1", 0)
        address = silent.sockets[0].getsockname()
        access = ObjectAccess(
            f"s3://{BUCKET}",
            endpoint=f"http://{address[0]}:{address[1]}",
            allow_http=True,
            access_key=ACCESS_KEY,
            secret_key=SECRET_KEY,
            timeout_s=0.2,
        )
        async with asyncio.timeout(10):
            with pytest.raises(ObjectsUnavailable, match="Timeout"):
                await ObjectStorage(access).get(KEY)
        silent.close()
        for caller in callers:
            caller.close()
            await caller.wait_closed()


class TestTheS3OfTheseTests:
    @pytest.mark.parametrize(
        ("change", "status"),
        [
            ({}, 204),
            ({"Authorization": ""}, 400),
            ({"Authorization": "AWS4-HMAC-SHA256 Credential=x"}, 400),
            ({"x-amz-date": "20250101T000000Z"}, 400),
            ({"x-amz-content-sha256": "0" * 64}, 400),
        ],
        ids=["good", "unsigned", "half signed", "another day", "another body"],
    )
    async def test_it_refuses_a_request_that_s3_would_refuse(self, s3, change, status):
        good = {
            "Authorization": f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20261121/{REGION}/s3/aws4_request, "
            f"SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={'0' * 64}",
            "x-amz-date": "20261121T120000Z",
            "x-amz-content-sha256": hashlib.sha256(b"").hexdigest(),
        }
        async with ClientSession() as session:
            reply = await session.delete(f"{s3.endpoint}/{BUCKET}/a", headers={**good, **change})
        assert (reply.status, len(s3.violations)) == (status, int(status != 204))


class TestAzure:
    async def test_a_blob_is_put_with_the_accounts_shared_key(self):
        seen = []

        async def serve(request):
            length = len(await request.read())
            seen.append((request.method, request.path, request.headers["Authorization"], length))
            return web.Response(status=201, headers={"ETag": '"1"'})

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", serve)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}/account"
        access = ObjectAccess(
            "az://recordings/mail",
            endpoint=endpoint,
            allow_http=True,
            access_key="account",
            secret_key="a2V5",
        )
        await ObjectStorage(access).put("demo/8500/one.wav", b"sound")
        await runner.cleanup()
        ((method, path, authorization, length),) = seen
        assert (method, path, length) == ("PUT", "/account/recordings/mail/demo/8500/one.wav", 5)
        assert authorization.startswith("SharedKey account:")


_WRITER = """
import asyncio, hashlib, os, sys
from ringback.runtime.objects import ObjectAccess, ObjectStorage

async def main():
    storage = ObjectStorage(ObjectAccess(sys.argv[1]))
    for number in range(10**6):
        data = os.urandom(300_000)
        await storage.put(f"box/{number}.wav", data)
        print(f"box/{number}.wav", hashlib.sha256(data).hexdigest(), flush=True)

asyncio.run(main())
"""
