"""What one session may use."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of documents and of sessions; one object may be shared by all."""

    document_bytes: int = 1_048_576
    """Size of a document in bytes of UTF-8."""
    document_depth: int = 64
    """Nesting of elements."""
    document_elements: int = 20_000
    """Elements in one document."""
    microsteps: int = 2_000
    """Microsteps that one input (an event, a timer) may cause in the whole tree of sessions."""
    script_seconds: float = 0.5
    """CPU seconds of scripts and expressions that one input may cause."""
    memory_bytes: int = 16 * 1024 * 1024
    """Memory of one data model."""
    queued_events: int = 5_000
    """Events waiting in one queue of one session."""
    delayed_events: int = 1_000
    """Delayed events of the whole tree of sessions."""
    sessions: int = 50
    """Sessions in one tree: the root and all that it invoked."""
    outputs: int = 5_000
    """Outputs that wait for the shell."""


DEFAULT_LIMITS = Limits()
