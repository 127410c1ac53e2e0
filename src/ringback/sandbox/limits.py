"""What one document and its scripts may use."""

from msgspec import Struct


class Limits(Struct, frozen=True):
    """Bounds of documents and of their scripts; one object may be shared by all."""

    document_bytes: int = 1_048_576
    """Size of a document in bytes of UTF-8."""
    document_depth: int = 64
    """Nesting of elements."""
    document_elements: int = 20_000
    """Elements in one document."""
    script_seconds: float = 0.5
    """CPU seconds of scripts and expressions that one input may cause."""
    memory_bytes: int = 16 * 1024 * 1024
    """Memory of the scripts of one session."""


DEFAULT_LIMITS = Limits()
