"""What one session may use."""

from ringback import sandbox


class Limits(sandbox.Limits, frozen=True):
    """Bounds of documents and of sessions; one object may be shared by all."""

    microsteps: int = 2_000
    """Microsteps that one input (an event, a timer) may cause in the whole tree of sessions."""
    queued_events: int = 5_000
    """Events waiting in one queue of one session."""
    delayed_events: int = 1_000
    """Delayed events of the whole tree of sessions."""
    sessions: int = 50
    """Sessions in one tree: the root and all that it invoked."""
    outputs: int = 5_000
    """Outputs that wait for the shell."""


DEFAULT_LIMITS = Limits()
