"""SCXML 1.0 interpreter (W3C Recommendation of 1 September 2015), usable alone.

Documents are compiled once and shared; an `Interpreter` is a pure machine that takes events and `now` and
gives outputs and the next timer::

    document = compile_document(text)
    session = Interpreter(document, "s1")
    session.start(now)
    for output in session.outputs(): ...
"""

from ringback.sandbox import Element, parse_xml, to_xml

from .actions import ActionContext, ActionHandler, Actions
from .compiler import compile_document, external_sources
from .errors import DocumentError, EvaluationError, LimitExceededError, ScxmlError
from .events import (
    Action,
    Ended,
    Event,
    Fetch,
    HttpPost,
    Json,
    Log,
    Output,
    event_from_http,
)
from .interpreter import Interpreter
from .limits import DEFAULT_LIMITS, Limits
from .model import Document

__all__ = [
    "DEFAULT_LIMITS",
    "Action",
    "ActionContext",
    "ActionHandler",
    "Actions",
    "Document",
    "DocumentError",
    "Element",
    "Ended",
    "EvaluationError",
    "Event",
    "Fetch",
    "HttpPost",
    "Interpreter",
    "Json",
    "LimitExceededError",
    "Limits",
    "Log",
    "Output",
    "ScxmlError",
    "compile_document",
    "event_from_http",
    "external_sources",
    "parse_xml",
    "to_xml",
]
