"""What documents that others wrote are read and run in: bounded XML, bounded ECMAScript. Usable alone.

The interpreters of `ringback.scxml` and `ringback.vxml` stand on it.
"""

from .engine import Engine, Json, prelude, source
from .errors import DocumentError, EvaluationError, LimitExceededError, SandboxError
from .limits import DEFAULT_LIMITS, Limits
from .markup import Element, parse_xml, to_xml

__all__ = [
    "DEFAULT_LIMITS",
    "DocumentError",
    "Element",
    "Engine",
    "EvaluationError",
    "Json",
    "LimitExceededError",
    "Limits",
    "SandboxError",
    "parse_xml",
    "prelude",
    "source",
    "to_xml",
]
