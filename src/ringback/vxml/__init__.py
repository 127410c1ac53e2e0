"""VoiceXML 2.1 for applications of keys and prompts (W3C Recommendations of 16 March 2004 and 19 June 2007).

Usable alone. An `Interpreter` is a pure machine that takes inputs and `now` and gives outputs::

    dialog = Interpreter(session={"parameters": {}})
    dialog.start("http://host/survey.vxml", now)
    for output in dialog.outputs(): ...          # Fetch(1, "document", "http://host/survey.vxml", ...)
    dialog.feed(Fetched(1, 200, "application/voicexml+xml", text), now)
"""

from .document import Document
from .events import (
    Audio,
    Collect,
    Collected,
    Disconnect,
    EveryVoice,
    Exited,
    Failed,
    Fetch,
    Fetched,
    HungUp,
    Input,
    Log,
    Mark,
    Output,
    Part,
    Pause,
    Play,
    Played,
    Record,
    Recorded,
    Text,
    Transfer,
    Transferred,
    Voice,
)
from .interpreter import Interpreter
from .limits import DEFAULT_LIMITS, Limits

__all__ = [
    "DEFAULT_LIMITS",
    "Audio",
    "Collect",
    "Collected",
    "Disconnect",
    "Document",
    "EveryVoice",
    "Exited",
    "Failed",
    "Fetch",
    "Fetched",
    "HungUp",
    "Input",
    "Interpreter",
    "Limits",
    "Log",
    "Mark",
    "Output",
    "Part",
    "Pause",
    "Play",
    "Played",
    "Record",
    "Recorded",
    "Text",
    "Transfer",
    "Transferred",
    "Voice",
]
