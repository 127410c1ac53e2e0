"""Life cycle of the three embedded servers, on the real programs."""

import asyncio
import os
import pwd
import signal
import socket
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncpg
import pytest

from ringback.runtime.embedded import (
    EmbeddedError,
    EmbeddedKafka,
    EmbeddedPostgres,
    EmbeddedServer,
    EmbeddedValkey,
)
from ringback.runtime.embedded.lock import FolderLock
from ringback.testing.servers import private_host

KINDS: list[Callable[[Path], EmbeddedServer]] = [EmbeddedValkey, EmbeddedPostgres, EmbeddedKafka]


@pytest.fixture(params=KINDS, ids=["valkey", "postgres", "kafka"])
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    """One server of each kind, not started."""
    made: EmbeddedServer = request.param(tmp_path / "server")
    yield made
    await made.stop()


async def test_a_server_starts_stops_and_starts_again(server: EmbeddedServer) -> None:
    await server.start()
    assert server.running
    first = server.pid
    await server.stop()
    assert not server.running
    await server.start()
    assert server.pid != first


async def test_starting_a_running_server_changes_nothing(server: EmbeddedServer) -> None:
    await server.start()
    first = server.pid
    await server.start()
    assert server.pid == first


async def test_a_killed_server_is_seen_as_dead_and_starts_again(server: EmbeddedServer) -> None:
    await server.start()
    os.kill(server.pid, signal.SIGKILL)
    assert await asyncio.wait_for(server.wait(), 20) == -signal.SIGKILL
    assert not server.running
    await server.start()
    assert server.running


async def test_two_servers_on_one_folder_are_refused_in_one_line(server: EmbeddedServer) -> None:
    await server.start()
    second = type(server)(server.folder)
    second.lock_wait = 0.1
    with pytest.raises(EmbeddedError, match=r"in use by another platform \(process \d+\).*--data") as error:
        await second.start()
    assert "\n" not in str(error.value)
    assert server.running


async def test_the_servers_folder_is_closed_to_other_users(server: EmbeddedServer) -> None:
    await server.start()
    assert stat.S_IMODE(server.folder.stat().st_mode) & 0o066 == 0
    assert stat.S_IMODE(server.log_path.stat().st_mode) == 0o600


async def test_a_server_ends_when_its_parent_is_killed(server: EmbeddedServer) -> None:
    kind = type(server).__name__
    code = (
        "import asyncio, sys\n"
        f"from ringback.runtime.embedded import {kind}\n"
        "async def main():\n"
        f"    server = {kind}(sys.argv[1])\n"
        "    await server.start()\n"
        "    print(server.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(server.folder), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    child = int(await asyncio.wait_for(parent.stdout.readline(), 20))
    assert child != parent.pid
    parent.kill()
    await parent.wait()
    lock = await FolderLock.take(server.folder, wait=5)  # held by every process of the server
    lock.close()
    await server.start()


def command_line(pid: int) -> str:
    """The command line that every user of the machine can read (Linux)."""
    path = Path(f"/proc/{pid}/cmdline")
    return path.read_text() if path.exists() else ""


def process_status(pid: int) -> dict[str, str]:
    """The fields of /proc/PID/status."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


class TestValkey:
    async def test_a_write_survives_kill_minus_9(self, tmp_path: Path) -> None:
        async with EmbeddedValkey(tmp_path) as server:
            await server.command("SET", "kept", "yes")
            await server.kill()
            await server.start()
            assert await server.command("EXISTS", "kept") == "1"

    async def test_another_start_in_the_folder_keeps_data_and_password(self, tmp_path: Path) -> None:
        async with EmbeddedValkey(tmp_path) as first:
            await first.command("SET", "kept", "yes")
        async with EmbeddedValkey(tmp_path) as second:
            assert await second.command("EXISTS", "kept") == "1"
        assert first.url.split("@")[0] == second.url.split("@")[0]

    async def test_nobody_gets_in_without_the_password(self, tmp_path: Path) -> None:
        async with EmbeddedValkey(tmp_path) as server:
            reader, writer = await asyncio.open_connection(server.host, server.port)
            writer.write(b"PING\r\n")
            assert (await reader.readline()).startswith(b"-NOAUTH")
            writer.close()

    async def test_the_password_is_in_private_files_and_not_in_the_command_line(self, tmp_path: Path) -> None:
        async with EmbeddedValkey(tmp_path) as server:
            password = (tmp_path / "password").read_text()
            assert password in server.url
            assert len(password) >= 32
            for name in ("password", "valkey.conf"):
                assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
            assert password not in command_line(server.pid)

    async def test_it_listens_on_the_given_address_only(self, tmp_path: Path) -> None:
        host = private_host()
        async with EmbeddedValkey(tmp_path, host=host) as server:
            assert f"@{host}:" in server.url
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", server.port)


class TestPostgres:
    async def test_a_commit_survives_kill_minus_9(self, tmp_path: Path) -> None:
        async with EmbeddedPostgres(tmp_path) as server:
            connection = await asyncpg.connect(server.dsn)
            await connection.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")
            await server.kill()
            connection.terminate()
            await server.start()
            connection = await asyncpg.connect(server.dsn)
            assert await connection.fetchval("SELECT n FROM kept") == 7
            await connection.close()

    async def test_stale_pid_and_socket_files_do_not_stop_a_start(self, tmp_path: Path) -> None:
        async with EmbeddedPostgres(tmp_path) as server:
            await server.stop()
            # A process number that lives and is not ours to judge: PostgreSQL alone would refuse to start.
            (server.data / "postmaster.pid").write_text(f"{os.getpid()}\n{server.data}\n1\n5432\n")
            (server.sockets / ".s.PGSQL.5432").touch()
            (server.sockets / ".s.PGSQL.5432.lock").write_text(f"{os.getpid()}\n")
            await server.start()
            assert await server.execute("SELECT 1") == 1

    async def test_an_interrupted_first_start_leaves_no_half_cluster(self, tmp_path: Path) -> None:
        (tmp_path / "data.new").mkdir()
        (tmp_path / "data.new" / "PG_VERSION").write_text("18\n")
        async with EmbeddedPostgres(tmp_path) as server:
            assert await server.execute("SELECT 1") == 1

    async def test_it_has_no_tcp_port_and_its_socket_is_in_a_private_folder(self, tmp_path: Path) -> None:
        async with EmbeddedPostgres(tmp_path) as server:
            assert await server.execute("SHOW listen_addresses") == ""
            assert stat.S_IMODE(server.sockets.stat().st_mode) == 0o700

    async def test_a_path_too_long_for_a_socket_gets_a_short_socket_folder(self, tmp_path: Path) -> None:
        async with EmbeddedPostgres(tmp_path / ("long" * 25)) as server:
            assert len(str(server.sockets)) < 100
            assert await server.execute("SELECT 1") == 1
            assert stat.S_IMODE(server.sockets.stat().st_mode) == 0o700
        server.sockets.rmdir()

    async def test_a_path_with_spaces_and_quotes_works(self, tmp_path: Path) -> None:
        async with EmbeddedPostgres(tmp_path / 'it\'s a "path", 100%') as server:
            connection = await asyncpg.connect(server.dsn)
            assert await connection.fetchval("SELECT 1") == 1
            await connection.close()

    @pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
    @pytest.mark.parametrize(("mode", "passes"), [(0o700, True), (0o755, False)], ids=["closed", "open"])
    async def test_root_runs_it_as_nobody_and_passes_permissions_only_where_it_must(
        self, mode: int, passes: bool
    ) -> None:
        with tempfile.TemporaryDirectory() as outer:
            os.chmod(outer, mode)
            async with EmbeddedPostgres(Path(outer, "data")) as server:
                status = process_status(server.pid)
                assert status["Uid"].split()[0] == str(pwd.getpwnam("nobody").pw_uid)
                assert (int(status["CapEff"], 16) != 0) == passes
                assert await server.execute("SELECT 1") == 1


@pytest.mark.parametrize("kind", [EmbeddedValkey, EmbeddedKafka])
async def test_a_taken_port_is_told_in_one_line(
    tmp_path: Path, kind: type[EmbeddedValkey] | type[EmbeddedKafka]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EmbeddedError, match=rf"127\.0\.0\.1:{port}.*in use.*--host") as error:
            await kind(tmp_path, port=port).start()
    assert "\n" not in str(error.value)


async def test_a_server_that_ends_at_once_is_told_with_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho the reason\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("RINGBACK_VALKEY_SERVER", str(broken))
    with pytest.raises(EmbeddedError, match=r"code 3 \(the reason\): read .*server\.log"):
        await EmbeddedValkey(tmp_path / "data").start()


class TestKafka:
    async def test_it_advertises_the_address_it_was_given(self, tmp_path: Path) -> None:
        from confluent_kafka.admin import AdminClient

        async with EmbeddedKafka(tmp_path, host=private_host()) as server:
            admin = AdminClient({"bootstrap.servers": server.bootstrap})
            metadata = await asyncio.to_thread(admin.list_topics, timeout=10)
            brokers = {f"{broker.host}:{broker.port}" for broker in metadata.brokers.values()}
            assert brokers == {server.bootstrap}
