"""`ringback sessions` and what it asks: the live sessions, and a look inside one."""

import asyncio
import json
import os
import sys

from ringback.contracts.applications import SessionRow, SessionTrace
from ringback.testing.platform import SECRET

from .conftest import Stage
from .test_orchestration_inbound import SID, to_the_line


async def ringback(stage: Stage, *arguments: str) -> tuple[int, str, str]:
    """Run a command that finds the stage by its environment."""
    common = stage.harness.process.common
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")}
    found = {
        "RINGBACK_HOST": common.host,
        "RINGBACK_VALKEY_URL": common.valkey_url,
        "RINGBACK_CLUSTER_SECRET": SECRET,
        "RINGBACK_DATA": common.data,
        "COLUMNS": "120",
        "NO_COLOR": "1",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ringback", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=kept | found,
    )
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_a_trace_tells_states_steps_and_shapes_and_nothing_of_the_caller(stage: Stage) -> None:
    await to_the_line(stage)
    trace = await stage.control.get(f"/scxml/session/{SID}/trace", SessionTrace)
    assert (trace.row.session, trace.row.node) == (SID, "one")
    assert trace.row.states == ["call", "line", "waiting", "listening"]
    names = [step.name for step in trace.steps if step.kind != "states"]
    assert names == ["queue.query", "queue.query.done", "dialog.play", "dialog.play.done", "queue.submit"]
    assert [step.time for step in trace.steps] == sorted(step.time for step in trace.steps)
    assert trace.data["failures"] == "number"
    assert trace.data["call"].startswith("{id: string(2), connid: string(16)")
    assert "pause" not in trace.data  # a function that the script of the application declares
    raw = (await stage.control.request("GET", f"/scxml/session/{SID}/trace")).body
    assert b"4155550100" not in raw


async def test_the_list_has_the_sessions_of_every_node(stage: Stage) -> None:
    other = await stage.other_node("two")
    try:
        await to_the_line(stage)
        await stage.request_callback()
        await stage.engagement.next()
        rows = await stage.until(lambda: both(stage))
        assert {row.kind for row in rows} == {"inbound", "callback"}
        assert {row.node for row in rows} <= {"one", "two"}
        assert len(await stage.control.get("/scxml/sessions?limit=1", list[SessionRow])) == 1
    finally:
        await other.__aexit__(None, None, None)


async def both(stage: Stage) -> list[SessionRow]:
    rows = await stage.control.get("/scxml/sessions", list[SessionRow])
    return rows if len(rows) == 2 else []


async def test_the_command_lists_shows_and_traces(stage: Stage) -> None:
    await to_the_line(stage)
    code, out, err = await ringback(stage, "sessions", "list")
    assert (code, err) == (0, "")
    assert SID in out and "waiting" in out
    code, out, _ = await ringback(stage, "sessions", "show", SID, "--json")
    assert (code, json.loads(out)["states"]) == (0, ["call", "line", "waiting", "listening"])
    code, out, _ = await ringback(stage, "sessions", "trace", SID)
    assert code == 0
    assert "queue.submit" in out and "4155550100" not in out
    code, out, err = await ringback(stage, "sessions", "show", "no-such")
    assert (code, out) == (1, "")
    assert "no live session 'no-such'" in err and "sessions list" in err
