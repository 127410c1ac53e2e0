import pytest

from ringback.domain.campaigns.states import TABLE, CampaignRefusedError, Command, State, commanded


def test_a_campaign_is_loaded_started_paused_stopped_and_unloaded() -> None:
    state = State.UNLOADED
    for command in ("load", "start", "pause", "start", "stop", "idle", "unload"):
        state = commanded(state, Command(command))
    assert state is State.UNLOADED


@pytest.mark.parametrize("command", [each for each in Command if each is not Command.IDLE])
def test_a_command_asked_twice_does_nothing_more(command: Command) -> None:
    for state in State:
        if (state, command) in TABLE:
            after = commanded(state, command)
            assert commanded(after, command) is after


@pytest.mark.parametrize(
    ("state", "command"),
    [
        (State.UNLOADED, Command.START),
        (State.LOADED, Command.PAUSE),
        (State.RUNNING, Command.UNLOAD),
        (State.PAUSED, Command.UNLOAD),
        (State.STOPPING, Command.UNLOAD),
        (State.RUNNING, Command.IDLE),
    ],
)
def test_what_fits_no_line_is_refused(state: State, command: Command) -> None:
    with pytest.raises(CampaignRefusedError, match=f"{state.value} cannot {command.value}"):
        commanded(state, command)
