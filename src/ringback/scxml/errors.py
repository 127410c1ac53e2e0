"""What can go wrong, by whose fault it is."""


class ScxmlError(Exception):
    """Base of every error of this library."""


class DocumentError(ScxmlError):
    """The document is not well-formed XML, not SCXML, or larger than the limits allow.

    `line` is the line in the document, counted from 1, or 0 when it belongs to no line.
    """

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {reason}" if line else reason)
        self.reason = reason
        self.line = line


class EvaluationError(ScxmlError):
    """An expression or script of the application failed; becomes `error.execution` (SCXML 5.9.4)."""


class LimitExceededError(ScxmlError):
    """The application used more time, memory or steps than it may; the session ends."""

    def __init__(self, slug: str, detail: str) -> None:
        super().__init__(f"{slug}: {detail}")
        self.slug = slug
        self.detail = detail
