"""Real-time statistics: a pure core that is fed with events and read over windows. See `definitions`."""

from .definitions import ALIASES, BY_NAME, DEFINITIONS, Definition, Value
from .floor import SHORT, Floor
from .inputs import EVERYBODY, AgentIs, Dialled, DialOver, Entered, Input, Left, NotTaken, QueueIs, Subject
from .measures import AfterCalls
from .watch import Asked, Told, UnknownStatistic, Watch
from .windows import DAY, LONGEST, STEP, Window

__all__ = [
    "ALIASES",
    "BY_NAME",
    "DAY",
    "DEFINITIONS",
    "EVERYBODY",
    "LONGEST",
    "SHORT",
    "STEP",
    "AfterCalls",
    "AgentIs",
    "Asked",
    "Definition",
    "DialOver",
    "Dialled",
    "Entered",
    "Floor",
    "Input",
    "Left",
    "NotTaken",
    "QueueIs",
    "Subject",
    "Told",
    "UnknownStatistic",
    "Value",
    "Watch",
    "Window",
]
