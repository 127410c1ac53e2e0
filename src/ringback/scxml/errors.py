"""What can go wrong with an application; `EvaluationError` becomes `error.execution` (SCXML 5.9.4)."""

from ringback.sandbox import DocumentError, EvaluationError, LimitExceededError, SandboxError

ScxmlError = SandboxError
"""Base of every error of this library."""

__all__ = ["DocumentError", "EvaluationError", "LimitExceededError", "ScxmlError"]
