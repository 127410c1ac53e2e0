"""Campaigns for supervisors: the operations, and the page in a real browser."""

import asyncio
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from ringback.contracts.campaigns import CampaignHour, CampaignPicture, CampaignStatus, Counts

CHROMIUM = shutil.which("chromium")
HOUR = CampaignHour(
    hour=1_800_000_000, dialled=100, answered=40, connected=38, abandoned=2, busy=25, no_answer=30, other=5
)


def spring(state: str = "running", name: str = "Spring") -> CampaignPicture:
    counts = Counts(waiting=60, dialling=2, done=38, results={"CONNECTED": 36, "": 2}, open=2, next_at=1.8e9)
    status = CampaignStatus(
        tenant="demo",
        campaign=name,
        state=state,
        since=1.8e9,
        mode="power",
        answered=40,
        abandoned=2,
        counts=counts,
    )
    return CampaignPicture(
        status=status,
        queue="VQ_Sales",
        lists=["Spring"],
        ratio=1.5,
        abandon_cap=0.03,
        why="agents-have-customers",
        ready=2,
        under_way=2,
        per_minute=1.2,
        hours=[HOUR],
    )


async def test_who_may_look_sees_campaigns_and_supervisors_start_pause_and_stop_them(
    world: Any, office: Any
) -> None:
    world.peers.campaigns = [spring()]
    supervisor = await office.user("ann", "Supervisor")
    [row] = (await supervisor.get("campaigns"))["items"]
    assert (row["name"], row["state"], row["why"], row["waiting"]) == (
        "Spring",
        "running",
        "agents-have-customers",
        60,
    )
    assert row["hours"] == [
        {
            "hour": "2027-01-15T08:00:00Z",
            "dialled": 100,
            "answered": 40,
            "connected": 38,
            "abandoned": 2,
            "busy": 25,
            "no_answer": 30,
            "other": 5,
        }
    ]
    for order, state in (("pause", "paused"), ("start", "running"), ("stop", "stopping")):
        assert await supervisor.post(f"campaigns/Spring/{order}") == {"name": "Spring", "state": state}
    assert [(name, order) for name, order, _ in world.peers.ordered] == [
        ("Spring", "pause"),
        ("Spring", "start"),
        ("Spring", "stop"),
    ]
    assert {actor["who"] for *_, actor in world.peers.ordered} == {"ann"}
    assert (await supervisor.ask("POST", "campaigns/Spring/pause"))[0] == 409
    assert (await supervisor.ask("POST", "campaigns/a%2Fb/start"))[0] == 404


async def test_who_may_only_look_orders_nothing_and_who_is_limited_to_some_queues_sees_nothing(
    world: Any, office: Any
) -> None:
    world.peers.campaigns = [spring()]
    monitor = await office.user("max", "Monitor")
    assert len((await monitor.get("campaigns"))["items"]) == 1
    for order in ("start", "pause", "stop"):
        assert (await monitor.ask("POST", f"campaigns/Spring/{order}"))[0] == 403
    limited = await office.user("lena", "Supervisor", only=["sales"])
    assert (await limited.ask("GET", "campaigns"))[0] == 403
    assert (await limited.ask("POST", "campaigns/Spring/stop"))[0] == 403
    assert world.peers.ordered == []


async def dom(url: str, profile: Path) -> str:
    """What the page has become in a browser after its first seconds."""
    child = await asyncio.create_subprocess_exec(
        str(CHROMIUM),
        *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--virtual-time-budget=5000"),
        *(f"--user-data-dir={profile}", "--dump-dom", url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    said, _ = await asyncio.wait_for(child.communicate(), 60.0)
    return re.sub(r"<script.*?</script>", "", said.decode(), flags=re.DOTALL)


@pytest.mark.timeout(150)
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (Debian: chromium)")
async def test_the_page_shows_campaigns_and_orders_only_to_who_may_give_them(
    world: Any, office: Any, tmp_path: Path
) -> None:
    world.peers.campaigns = [spring(), spring("paused", "<b>Autumn")]
    supervisor, monitor = await office.user("ann", "Supervisor"), await office.user("max", "Monitor")
    shown = await dom(f"{world.base}/campaigns?token={supervisor.token}", tmp_path / "a")
    for words in (
        "each ready agent has a customer under way",
        "38 of 100",
        "2 (5.0 %)",
        "power × 1.5, 1.2/min",
        "done: connected",
        'aria-label="pause Spring"',
        'aria-label="start &lt;b&gt;Autumn"',
        "ann at demo",
    ):
        assert words in shown, words
    looked = await dom(f"{world.base}/campaigns?token={monitor.token}", tmp_path / "b")
    assert "38 of 100" in looked
    assert "pause Spring" not in looked
    assert 'class="asked"' in await dom(f"{world.base}/campaigns", tmp_path / "c")
