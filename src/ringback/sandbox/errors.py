"""What can go wrong with a document that somebody else wrote."""


class SandboxError(Exception):
    """Base of every error of a document or its scripts."""


class DocumentError(SandboxError):
    """The document is not well-formed XML, not what it should be, or larger than the limits allow.

    `line` is the line in the document, counted from 1, or 0 when it belongs to no line.
    """

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {reason}" if line else reason)
        self.reason = reason
        self.line = line


class EvaluationError(SandboxError):
    """An expression or script of the application failed."""


class LimitExceededError(SandboxError):
    """The application used more time, memory or steps than it may; it ends."""

    def __init__(self, slug: str, detail: str) -> None:
        super().__init__(f"{slug}: {detail}")
        self.slug = slug
        self.detail = detail
