"""The compiled form does the same as its source (docs/decisions/0018)."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]
PARTS = (
    "errors",
    "names",
    "reasons",
    "uri",
    "message",
    "build",
    "parser",
    "transactions",
    "timer_queue",
    "layer",
)
TESTS = ("unit/sip/test_message.py", "unit/sip/test_uri.py", "unit/sip/test_transactions.py")
TESTS += ("unit/sip/test_layer.py", "conformance/test_sip_torture.py")


@pytest.fixture(scope="module")
def build(load_tool: Callable[[str], ModuleType]) -> ModuleType:
    """The module under test."""
    return load_tool("compiled_build")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("async def run() -> None:\n    await other()", "coroutines"),
        ("class Away(ConnectionError): ...", "the base of class Away"),
        ("class Away(ValueError): ...", None),
        ("class Mark(Struct, frozen=True): ...", "options of class Mark"),
        ("class Mark(msgspec.Struct): ...", "options of class Mark"),
        ("class Mark(Other, kw_only=True): ...", "options of class Mark"),
        ("class Mark(Value, frozen=True): ...", None),
        ("class Mark(Fixed, frozen=True): ...", None),
        ("class Mark(Enum):\n    ONE = 1", None),
    ],
)
def test_what_would_not_do_the_same_compiled_stays_as_it_is(
    build: ModuleType, source: str, reason: str | None
) -> None:
    assert build.why_not(source) == reason


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("async def run() -> None:\n    yield 1", "async generator run"),
        ("async def run() -> None:\n    spawn(lambda: 1)", "a coroutine and a function within run"),
        ("def run() -> None:\n    async def one() -> None: ...", "a coroutine and a function within run"),
        ("def run() -> None:\n    spawn(lambda: 1)", None),
    ],
)
def test_coroutines_that_end_in_another_way_compiled_stay_as_they_are(
    build: ModuleType, source: str, reason: str | None
) -> None:
    assert build.why_not(source, named=True) == reason


def test_a_module_with_coroutines_has_to_be_named(build: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "waits.py").write_text("async def run() -> None:\n    await other()")
    (tmp_path / "counts.py").write_text("ONE = 1")
    assert build.choose(tmp_path, ["."]) == ["counts.py"]
    assert build.choose(tmp_path, [".", "waits.py", "counts.py"]) == ["counts.py", "waits.py"]


def test_the_hot_modules_are_among_those_that_are_compiled(build: ModuleType) -> None:
    found = build.choose(ROOT / "src", ["ringback/sip", "ringback/domain/routing"])
    endpoint = ("endpoint", "reception", "runner", "exchange", "sockets", "stream")
    hot = {f"ringback/sip/{name}.py" for name in (*PARTS, *endpoint)} | {"ringback/domain/routing/pool.py"}
    assert hot <= set(found)
    wire, cluster = "ringback/runtime/valkey_wire.py", "ringback/services/sip_cluster"
    hot = {wire, *(f"{cluster}/{name}.py" for name in ("driver", "incoming", "live", "outgoing", "steps"))}
    assert hot <= set(build.choose(ROOT / "src", [cluster, wire]))
    scxml, turns = "ringback/scxml", "ringback/services/orchestration"
    hot = {*(f"{scxml}/{name}.py" for name in ("session", "tree", "plain", "variables")), f"{turns}/turn.py"}
    assert hot <= set(build.choose(ROOT / "src", [scxml, turns]))


@pytest.mark.parametrize(
    ("handling", "refused"),
    [
        ("    await one()", False),
        ("    try:\n        await one()\n    except ValueError:\n        await other()", True),
        ("    try:\n        await one()\n    finally:\n        await other()", True),
        ("    try:\n        one()\n    except ValueError:\n        if two:\n            await other()", True),
        ("    async with one():\n        await other()", True),
        ("    async with asyncio.timeout(1):\n        await other()", False),
        ("    try:\n        await one()\n    except ValueError:\n        pass\n    await other()", False),
        ("    try:\n        await one()\n    finally:\n        spawn(other())", False),
    ],
)
def test_who_lets_others_run_while_an_exception_is_handled_stays_as_it_is(
    build: ModuleType, handling: str, refused: bool
) -> None:
    reason = build.why_not(f"async def run() -> None:\n{handling}", named=True)
    assert reason == ("others run while line 2 handles an exception" if refused else None)


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler here")
@pytest.mark.slow
@pytest.mark.timeout(500)
def test_the_parser_and_the_transactions_pass_their_tests_compiled(build: ModuleType, tmp_path: Path) -> None:
    files = [f"ringback/sip/{name}.py" for name in PARTS]
    made = build.compile_tree(ROOT / "src", tmp_path, ROOT / "pyproject.toml", files, opt="0")
    assert len(made) == len(PARTS) + 1, "one for each module, and what they share"
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    look = "from ringback.sip import layer, parser; print(layer.__file__, parser.__file__)"
    shown = subprocess.run([sys.executable, "-c", look], env=env, text=True, capture_output=True, check=True)
    assert shown.stdout.count(build.SUFFIX) == 2
    command = [sys.executable, "-m", "pytest", "-q", *(str(ROOT / "tests" / name) for name in TESTS)]
    done = subprocess.run(command, cwd=ROOT, env=env, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout[-3000:]
