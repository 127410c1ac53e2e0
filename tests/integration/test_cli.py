"""The command line as people run it."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from ringback import __version__
from ringback.cli import main
from ringback.runtime.embedded.lock import FolderLock

COMMANDS = (
    *("up", "run", "settings", "migrate", "check", "connections", "sessions", "app", "keys", "users"),
    *("tenant", "version"),
)


async def ringback(*arguments: str, **env: str) -> tuple[int, str, str]:
    """Run a command; exit code, output, errors."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ringback", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=kept | {"COLUMNS": "100", "NO_COLOR": "1"} | env,
    )
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def inside(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run a command in this process, which is quicker; exit code, output, errors."""
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    said = capsys.readouterr()
    assert isinstance(end.value.code, int)
    return end.value.code, said.out, said.err


@pytest.fixture(autouse=True)
def no_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of the platform's variables is set."""
    for name in [name for name in os.environ if name.startswith("RINGBACK_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")


async def test_the_module_is_the_command() -> None:
    code, out, err = await ringback("version")
    assert (code, out.splitlines()[0], err) == (0, __version__, "")


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = inside(capsys, "--help")
    assert code == 0
    for command in COMMANDS:
        assert f" {command} " in out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str], command: str) -> None:
    code, out, _ = inside(capsys, command, "--help")
    assert code == 0
    assert f"ringback {command}" in out


async def test_help_imports_nothing_heavy() -> None:
    heavy = ("aiohttp", "asyncpg", "numpy", "confluent_kafka", "redis", "structlog", "msgspec")
    code = (
        "import sys, ringback.cli\n"
        "try: ringback.cli.main(['--help'])\n"
        f"finally: print(sorted(set({heavy!r}) & set(sys.modules)))\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert out.decode().rstrip().endswith("[]")


ONE_LINE = [
    (["frob"], 2, "No such command 'frob': see `ringback --help`"),
    (["up", "--processes", "0"], 2, "see `ringback up --help`"),
    (["run"], 2, "see `ringback run --help`"),
    (["run", "frob"], 1, "there is no service 'frob'; there are: all, auth"),
    (["settings", "frob"], 1, "there is no group of settings 'frob'"),
    (["connections", "--data", "/nonexistent"], 1, "start one with `ringback up`"),
    (["check", "--data", "/nonexistent"], 1, "start one with `ringback up`"),
    (["migrate", "--data", "/nonexistent"], 1, "start one with `ringback up`"),
    (["routing", "replay", "/nonexistent"], 1, "/nonexistent: no such file or directory."),
    (["ewt", "evaluate", "{empty}"], 1, "the file is empty; needed is a line of headings: arrival, queue"),
    (["ewt", "evaluate", "{binary}"], 1, "/binary: no text in UTF-8 (byte 1)"),
    (["vxml", "{binary}"], 1, "/binary: no text in UTF-8 (byte 1)"),
    (["app", "test", "{binary}", "{binary}"], 1, "/binary: no text in UTF-8 (byte 1)"),
    (["campaign", "import", "Spring", "{binary}"], 1, "/binary: no text in UTF-8 (byte 1)"),
    (["simulate", "{binary}.toml"], 1, "/binary.toml: "),
    (["sip", "register", "-u", "1001"], 2, "--password-file or in RINGBACK_SIP_PASSWORD"),
    (["sip", "ping", "a b"], 1, "give host, host:port or sip:user@host:port"),
    (["sip", "call", "1", "-u", "2", "--password-file", "{empty}", "--server", "a:b"], 1, "bad port"),
    (["sip", "call", "1", "-u", "2", "--password-file", "{empty}", "--server", "a.invalid"], 1, "a.invalid"),
]


@pytest.mark.parametrize(("arguments", "code", "words"), ONE_LINE)
def test_errors_are_one_line_that_says_what_to_do(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    (empty := tmp_path / "empty").touch()
    for binary in (tmp_path / "binary.toml", tmp_path / "binary"):
        binary.write_bytes(b"a\xff\x00b")
    got, out, err = inside(capsys, *(argument.format(empty=empty, binary=binary) for argument in arguments))
    assert (got, out) == (code, "")
    assert err.startswith("ringback: ")
    assert err.count("\n") == 1
    assert words in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--data", "/proc/nonexistent"], "choose another folder with --data"),
        (["--host", "192.0.2.1", "--data", "{tmp}"], "choose another address with --host"),
    ],
)
async def test_up_says_in_one_line_why_it_cannot(tmp_path: Path, arguments: list[str], words: str) -> None:
    code, out, err = await ringback("up", *(argument.format(tmp=tmp_path) for argument in arguments))
    assert (code, out) == (1, "")
    assert err.startswith("ringback: ")
    assert err.count("\n") == 1
    assert words in err


def test_a_wrong_setting_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGBACK_DRAIN_S", "soon")
    code, _, err = inside(capsys, "settings", "common")
    assert code == 1
    assert "RINGBACK_DRAIN_S" in err
    assert err.count("\n") == 1


def test_a_group_without_a_command_prints_its_help_alone(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = inside(capsys, "sip")
    assert (code, err) == (2, "")
    assert "ringback sip" in out


def test_settings_as_json_hide_secrets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGBACK_VALKEY_URL", "redis://:hunter2@localhost")
    code, out, _ = inside(capsys, "settings", "common", "--json")
    assert code == 0
    assert "RINGBACK_VALKEY_URL" in {row["name"] for row in json.loads(out)}
    assert "hunter2" not in out


def test_an_unexpected_error_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("ringback.commands.settings.show", broken)
    with pytest.raises(ZeroDivisionError):
        main(["settings"])


async def test_a_second_platform_on_the_same_data_is_refused(tmp_path: Path) -> None:
    lock = await FolderLock.take(tmp_path)
    code, _, err = await ringback("up", "--data", str(tmp_path))
    lock.close()
    assert code == 1
    assert f"in use by another platform (process {os.getpid()})" in err


def test_an_application_is_tried_without_a_server(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    app = tmp_path / "a.scxml"
    app.write_text('<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0"><state id="a"/></scxml>')
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text('[[step]]\nstates = ["a"]\n')
    bad.write_text('[[step]]\nstates = ["b"]\n')
    assert inside(capsys, "app", "test", str(app), str(good)) == (0, "ok      good\n", "")
    code, out, _ = inside(capsys, "app", "test", str(app), str(good), str(bad))
    assert code == 1
    assert "FAILED  bad: step 1: not in b but in a" in out
    app.write_text("<scxml>")
    code, out, err = inside(capsys, "app", "test", str(app), str(good))
    assert (code, out, len(err.splitlines())) == (1, "", 1)
