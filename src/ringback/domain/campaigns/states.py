"""The life of a campaign, as a table.

    UNLOADED --load--> LOADED --start--> RUNNING --pause--> PAUSED
        ^               |  ^               | ^----start-------'|
        '----unload-----'  '--last call over-- STOPPING <-stop--'

A campaign that is PAUSED or STOPPING dials nobody; calls under way go on. It is STOPPING until the last of
them is over. A command that asks for what is so already changes nothing; one that fits no line is refused.
"""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """Where a campaign stands."""

    UNLOADED = "unloaded"
    LOADED = "loaded"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"


class Command(Enum):
    """What is asked of it; IDLE is not asked, but happens when its last call is over."""

    LOAD = "load"
    START = "start"
    PAUSE = "pause"
    STOP = "stop"
    UNLOAD = "unload"
    IDLE = "idle"


TABLE: dict[tuple[State, Command], State] = {
    (State.UNLOADED, Command.LOAD): State.LOADED,
    (State.UNLOADED, Command.UNLOAD): State.UNLOADED,
    (State.LOADED, Command.LOAD): State.LOADED,
    (State.LOADED, Command.START): State.RUNNING,
    (State.LOADED, Command.STOP): State.LOADED,
    (State.LOADED, Command.UNLOAD): State.UNLOADED,
    (State.RUNNING, Command.LOAD): State.RUNNING,
    (State.RUNNING, Command.START): State.RUNNING,
    (State.RUNNING, Command.PAUSE): State.PAUSED,
    (State.RUNNING, Command.STOP): State.STOPPING,
    (State.PAUSED, Command.LOAD): State.PAUSED,
    (State.PAUSED, Command.START): State.RUNNING,
    (State.PAUSED, Command.PAUSE): State.PAUSED,
    (State.PAUSED, Command.STOP): State.STOPPING,
    (State.STOPPING, Command.LOAD): State.STOPPING,
    (State.STOPPING, Command.STOP): State.STOPPING,
    (State.STOPPING, Command.START): State.RUNNING,
    (State.STOPPING, Command.IDLE): State.LOADED,
}


class CampaignRefusedError(ValueError):
    """The command is not for a campaign in this state."""


def commanded(state: State, command: Command) -> State:
    """The state after a command. Raises CampaignRefusedError."""
    try:
        return TABLE[state, command]
    except KeyError:
        raise CampaignRefusedError(f"a campaign that is {state.value} cannot {command.value}") from None
