import pytest

from ringback.domain.campaigns.pacing import Floor
from ringback.domain.campaigns.standstill import Look, why_still
from ringback.domain.campaigns.states import State

NOW = 1.8e9


def look(ready: int = 2, waiting: int = 0, wanted: int = 0, begun: int = 0) -> Look:
    return Look(NOW, Floor(ready=ready, waiting=waiting), wanted, begun)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (None, "starting"),
        (look(wanted=2, begun=1), ""),
        (look(wanted=2), "not-permitted-now"),
        (look(ready=0, waiting=3), "no-agent-ready"),
        (look(ready=2, waiting=2), "callers-first"),
        (look(ready=2, waiting=1), "agents-have-customers"),
    ],
)
def test_a_running_campaign_says_what_it_waits_for(found: Look | None, reason: str) -> None:
    assert why_still(State.RUNNING, "progressive", found, 5, NOW - 1, NOW) == reason


def test_what_is_missing_most_is_said_first() -> None:
    nobody = look(ready=0)
    assert why_still(State.RUNNING, "power", nobody, 5, NOW + 60, NOW) == "nothing-due"
    assert why_still(State.RUNNING, "power", nobody, 0, 0.0, NOW) == "nothing-left"
    assert why_still(State.RUNNING, "preview", nobody, 5, NOW - 1, NOW) == "agents-choose"
    for state in (State.UNLOADED, State.LOADED, State.PAUSED, State.STOPPING):
        assert why_still(state, "progressive", look(), 5, NOW - 1, NOW) == "not-running"
