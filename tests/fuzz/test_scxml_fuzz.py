"""Whatever text comes as a document or as an event, the interpreter answers with its own errors."""

import itertools
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.scxml import (
    DocumentError,
    Event,
    Interpreter,
    Limits,
    ScxmlError,
    compile_document,
    event_from_http,
    external_sources,
)

LIMITS = Limits(script_seconds=0.05, microsteps=50, memory_bytes=2 * 1024 * 1024)
TARGETS = st.sampled_from(["", "@1", "@2", "@3", "@5", "@8"])
PLACES = st.sampled_from(["", "#_internal", "#_parent", "#_x", "nosuch", "2s"])
EXPRESSIONS = st.sampled_from(
    ["1", "x", "x.y.z", "x = 1", "}", "", "In('a')", "_event.data", "[1,2]", "throw 1", "'"]
)
EVENTS = st.sampled_from(["e", "e.f", "*", "error", "done.state.a", ""])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def attributes(**values: str) -> str:
    return "".join(f' {name}="{value}"' for name, value in values.items() if value)


@st.composite
def executable(draw: st.DrawFn, depth: int = 2) -> str:
    expr, location = draw(EXPRESSIONS), draw(st.sampled_from(["x", "y", "_event", "x.q", ""]))
    kinds = ["raise", "assign", "log", "send", "cancel", "script", "foreach", "if", "foreign"]
    kind = draw(st.sampled_from(kinds))
    inner = draw(executable(depth - 1)) if depth and kind in ("foreach", "if") else ""
    forms = {
        "raise": f"<raise{attributes(event=draw(EVENTS))}/>",
        "assign": f"<assign{attributes(location=location, expr=expr)}/>",
        "log": f"<log{attributes(expr=expr)}/>",
        "send": f"<send{attributes(event=draw(EVENTS), target=draw(PLACES), delay=draw(PLACES))} id='s'/>",
        "cancel": "<cancel sendid='s'/>",
        "script": f"<script>{expr}</script>",
        "foreach": f"<foreach{attributes(array=expr, item=location)}>{inner}</foreach>",
        "if": f"<if{attributes(cond=expr)}>{inner}<else/>{inner}</if>",
        "foreign": "<z:q xmlns:z='urn:z'/>",
    }
    return forms[kind]


@st.composite
def state(draw: st.DrawFn, depth: int = 2) -> str:
    kind = draw(st.sampled_from(["state", "state", "parallel", "final", "history"]))
    parts = draw(st.lists(executable(), max_size=2))
    transition = (
        f"<transition{attributes(event=draw(EVENTS), target=draw(TARGETS), cond=draw(EXPRESSIONS))}>"
        f"{''.join(parts)}</transition>"
    )
    inner = "".join(draw(st.lists(state(depth - 1), max_size=2))) if depth and kind != "final" else ""
    return f"<{kind} id='#'><onentry>{''.join(parts)}</onentry>{transition}{inner}</{kind}>"


@st.composite
def documents(draw: st.DrawFn) -> str:
    body = "".join(draw(st.lists(state(), min_size=1, max_size=3)))
    numbers = itertools.count()
    body = re.sub("id='#'", lambda _: f"id='s{next(numbers)}'", body)
    states = next(numbers)
    body = re.sub("@([0-9])", lambda found: f"s{int(found[1]) % states}", body)
    return (
        '<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript">'
        f"<datamodel><data id='x' expr='1'/></datamodel>{body}</scxml>"
    )


@settings(max_examples=150, deadline=None)
@given(documents(), st.lists(st.tuples(EVENTS, JSON), max_size=3))
def test_random_documents_run_or_are_refused(text: str, events: list[tuple[str, object]]) -> None:
    try:
        document = compile_document(text, limits=LIMITS)
    except DocumentError:
        return
    session = Interpreter(document, "s", limits=LIMITS)
    session.start(0.0)
    for now, (name, data) in enumerate(events, 1):
        session.feed(Event(name, data=data), float(now))
        session.handle_timer(float(now))
        if session.running:
            session = Interpreter.restore(document, session.snapshot(), limits=LIMITS)
    session.outputs()


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200) | st.builds("<scxml>{}</scxml>".format, st.text(max_size=100)))
def test_random_text_is_refused_with_our_error(text: str) -> None:
    for read in (compile_document, external_sources):
        try:
            read(text)
        except ScxmlError:
            continue


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=8), st.text(max_size=20), st.text(max_size=100))
def test_any_http_request_is_an_event(method: str, content_type: str, body: str) -> None:
    event = event_from_http(method, content_type, body)
    assert event.name and Event.from_json(event.to_json()) == event
