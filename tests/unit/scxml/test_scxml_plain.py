"""Expressions without an engine: where one is answered, the engine answers the same."""

import json
import math
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ringback.sandbox import EvaluationError, LimitExceededError
from ringback.scxml import Event, Interpreter, compile_document
from ringback.scxml.declarations import PART_OF, PARTS, PRELUDE, built_in, declared
from ringback.scxml.ecmascript import EcmaScript
from ringback.scxml.lazy import LazyEcmaScript
from ringback.scxml.limits import DEFAULT_LIMITS
from ringback.scxml.plain import compile_plain
from ringback.scxml.plain_values import OF_OBJECTS, Unsure
from ringback.scxml.variables import Variables
from ringback.services.designer.store import SHIPPED
from ringback.services.orchestration.modules import ACTIONS

SCRIPT = """
  // Whatever a chart asks for again and again.
  function first(x, y) { return x && y || 'none'; }
  function longer(a) { return (a ? given.text : 20) + 's' }
  function deep(n) { return n > 0 ? deep(n - 1) : n; }
  /* not plain */ function loud(x) { return String(x).toUpperCase(); }
"""
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.integers(-3, 3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([-0.0, 1e21, 1e-7, 0.1, 2.5, 2**53, 1e15])
    | st.text(max_size=6)
    | st.sampled_from(
        ["", "12", "007", " 1", "abc", "Abc", "constructor", "é", "\ud800", "\U0001f600", "0x1"]
    )
)
KEYS = st.sampled_from(["a", "b", "length", "toString", "constructor", "__proto__", "0", "$xml", "x"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
NAMES = ["v", "w", "given", "agent", "_event", "_sys", "first", "loud", "nosuch", "Math", "undefined", "NaN"]
LITERALS = [
    "0",
    "1",
    "7.25",
    "-1",
    "12345678901234567",
    "''",
    "'a'",
    '"b\\n"',
    "'\\''",
    "true",
    "false",
    "null",
    "1e3",
]
LEAVES = st.sampled_from(NAMES + LITERALS)
BINARY = [
    "&&",
    "||",
    "===",
    "!==",
    "==",
    "!=",
    "<",
    ">",
    "<=",
    ">=",
    "+",
    "-",
    ",",
    "*",
    "/",
    "%",
    "**",
    "??",
    "in",
]


MEMBERS = st.sampled_from(
    ["a", "b", "'b'", '"x y"', "class", "toString", "__proto__", "'__proto__'", "$xml", "0"]
)


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from(BINARY), inner).map(" ".join),
        st.tuples(st.sampled_from(["!", "-", "typeof ", "(", "+", "void "]), inner).map(
            lambda part: f"({part[1]})" if part[0] == "(" else "".join(part)
        ),
        st.tuples(
            inner, st.sampled_from([".a", ".length", ".toString", "['b']", "[0]", ".constructor", ".x.a"])
        ).map("".join),
        st.tuples(inner, inner, inner).map(lambda part: f"{part[0]} ? {part[1]} : {part[2]}"),
        st.tuples(
            st.sampled_from(
                ["first", "longer", "deep", "loud", "Number", "String", "Boolean", "In", "Math.round"]
            ),
            inner,
        ).map(lambda part: f"{part[0]}({part[1]})"),
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.lists(inner, max_size=3).map(lambda items: f"Math.max({', '.join(items)})"),
        st.lists(inner, max_size=3).map(lambda items: f"Math.min({', '.join(items)})"),
        st.lists(st.tuples(MEMBERS, inner), max_size=3).map(
            lambda items: "{" + ", ".join(f"{name}: {item}" for name, item in items) + "}"
        ),
    )


EXPRESSIONS = st.recursive(LEAVES, _grown, max_leaves=8)
TOKENS = [
    "v",
    "given",
    ".",
    "a",
    "(",
    ")",
    "[",
    "]",
    "+",
    "-",
    "!",
    "?",
    ":",
    "&&",
    "||",
    "=",
    "<",
    ">",
    "'x'",
    "1",
]
TOKENS += [
    "0",
    " ",
    "\n",
    "typeof",
    "new",
    "++",
    "--",
    "//",
    "/*",
    "*/",
    "/",
    "`",
    "{",
    "}",
    ";",
    ",",
    "\\",
    "null",
    "é",
]
SETTINGS = settings(max_examples=250, deadline=None)


def exact(value: Any) -> Any:
    """Distinguishes what Python holds for equal: True and 1, NaN and NaN is the same."""
    if isinstance(value, dict):
        return {name: exact(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [exact(item) for item in value]
    if isinstance(value, float) and math.isnan(value):
        return "not a number"
    return (isinstance(value, bool), value)


def filled(model: Any, values: dict[str, Any]) -> Any:
    """A model with variables, functions and an event."""
    model.bind_system({"_sys": values["system"]}) if hasattr(model, "bind_system") else model.bind(
        {"_sys": values["system"]}
    )
    for name in ("v", "w", "given", "agent"):
        model.declare(name)
    model.run(SCRIPT)
    model.assign_value("v", values["v"])
    model.assign_value("given", {"text": "10", "a": values["w"]})
    model.assign("agent", "_sys")
    model.set_configuration(["line", "a"])
    event = Event("foo.bar", data=values["w"])
    model.bind_event(event)
    return model


@SETTINGS
@given(EXPRESSIONS, st.fixed_dictionaries({"v": VALUES, "w": VALUES, "system": VALUES}))
@example("agent === _sys", {"v": 1, "w": None, "system": {"a": [1]}})
@example("v + 's'", {"v": 60.0, "w": None, "system": None})
@example("deep(30)", {"v": 1, "w": None, "system": None})
@example("[Number(w), [Number(w)]]", {"v": 1, "w": None, "system": None})
@example("{a: Number(w)}", {"v": 1, "w": None, "system": None})
def test_what_is_answered_without_an_engine_is_what_the_engine_answers(
    expr: str, values: dict[str, Any]
) -> None:
    try:
        variables = filled(Variables(), values)
        found = variables.evaluate(expr), variables.condition(expr)
    except Unsure:
        return
    engine = filled(EcmaScript(DEFAULT_LIMITS), values)
    assert exact(found) == exact((engine.evaluate(expr), engine.condition(expr))), expr
    assert variables.save()["table"][0]["o"][:4] == engine.save()["table"][0]["o"][:4]


@SETTINGS
@given(st.lists(st.sampled_from(TOKENS), max_size=9).map("".join))
@example("v--1")
@example("Math.")
@example("Math.max(v, 7) / 2 / -4 * v // 1")
@example("v+-1")
@example("1 .a")
def test_what_is_no_expression_is_left_to_the_engine(expr: str) -> None:
    values: dict[str, Any] = {"v": 5, "w": {"a": 1}, "system": None}
    try:
        found = filled(Variables(), values).evaluate(expr)
    except Unsure:
        return
    assert exact(found) == exact(filled(EcmaScript(DEFAULT_LIMITS), values).evaluate(expr)), expr


STEPS = st.one_of(
    st.tuples(
        st.just("assign"), st.sampled_from(["v", "w", "agent", "given.a", "Math", "first"]), EXPRESSIONS
    ),
    st.tuples(st.just("assign_value"), st.sampled_from(["v", "w", "nosuch"]), VALUES),
    st.tuples(st.just("declare"), st.sampled_from(["z", "Math", "In", "first", "new", "_event"])),
    st.tuples(st.just("condition"), EXPRESSIONS),
    st.tuples(
        st.just("run"),
        st.sampled_from(["v = 1", "function g() { return v }", "var first = 1", "agent.q = 1"]),
    ),
    st.tuples(st.just("restore")),
)


def done(model: Any, step: tuple[Any, ...]) -> Any:
    """What comes of a step: a value, or that it failed."""
    try:
        return exact(getattr(model, step[0])(*step[1:]))
    except (EvaluationError, LimitExceededError) as error:
        return type(error).__name__


@example(
    [("assign", "v", "v ? v.a : v"), ("assign", "given.a", "v"), ("restore",)],
    {"v": [], "w": None, "system": None},
)
@example([("assign", "first", "v.toString"), ("restore",)], {"v": 1, "w": None, "system": None})
@example([("assign", "first", "{a() { return 1 }}.a"), ("restore",)], {"v": 1, "w": None, "system": None})
@example([("assign", "first", "loud"), ("restore",)], {"v": 1, "w": None, "system": None})
@settings(max_examples=120, deadline=None)
@given(st.lists(STEPS, max_size=6), st.fixed_dictionaries({"v": VALUES, "w": VALUES, "system": VALUES}))
def test_a_session_goes_on_alike_whenever_its_engine_comes(
    steps: list[tuple[Any, ...]], values: dict[str, Any]
) -> None:
    lazy: Any = LazyEcmaScript(DEFAULT_LIMITS)
    eager: Any = EcmaScript(DEFAULT_LIMITS)
    try:
        filled(eager, values)
    except EvaluationError:
        return
    filled(lazy, values)
    for step in steps:
        if step[0] == "restore":
            lazy = restored(LazyEcmaScript(DEFAULT_LIMITS), lazy, values)
            eager = restored(EcmaScript(DEFAULT_LIMITS), eager, values)
        else:
            assert done(lazy, step) == done(eager, step)
    for expr in ("v", "w", "given", "agent", "_event", "_sys", "typeof first", "loud(v)", "v === w", "z"):
        assert done(lazy, ("evaluate", expr)) == done(eager, ("evaluate", expr)), expr


def restored(fresh: Any, model: Any, values: dict[str, Any]) -> Any:
    """Another process goes on."""
    fresh.bind_system({"_sys": values["system"]})
    fresh.load(json.loads(json.dumps(model.save())), [SCRIPT])
    fresh.bind_event(Event("foo.bar", data=values["w"]))
    fresh.set_configuration(["line"])
    model.close()
    return fresh


def test_what_is_shared_stays_shared_when_the_engine_comes() -> None:
    model = LazyEcmaScript(DEFAULT_LIMITS)
    model.bind_system({"_genesys": {"interaction": {"ani": "1"}}})
    model.declare("call")
    model.assign("call", "_genesys.interaction")
    model.bind_event(Event("e", data={"k": 1}))
    model.declare("kept")
    model.assign("kept", "_event.data")
    assert not model.has_engine
    model.run("call.ani = '2'; kept.k = 2")
    assert model.has_engine
    assert model.evaluate("[_genesys.interaction.ani, _event.data.k, Object.isFrozen(_event)]") == [
        "2",
        2,
        True,
    ]
    assert model.evaluate("'sendid' in _event")


@pytest.mark.parametrize(
    "script",
    [
        "var n = 1; function f() { return 1 }",
        "function f() { return 1 } f();",
        "// function f() { return 1 }\nfunction g() { return 2 }; function g() { return 3 }",
        "// x\u2028n = 1\nfunction f() { return 1 }",
        "class A {}",
        "while (true) {}",
        "function f( {",
        "",
    ],
)
def test_a_script_that_does_more_than_declare_functions_needs_an_engine(script: str) -> None:
    assert declared(script) is None


def test_functions_are_told_from_their_source() -> None:
    found = declared(SCRIPT)
    assert found is not None
    assert {name for name, function in found.items() if function is not None} == {"first", "longer", "deep"}
    assert found["loud"] is None


def test_every_name_that_objects_inherit_is_known() -> None:
    engine = EcmaScript(DEFAULT_LIMITS)
    assert set(engine.evaluate("Object.getOwnPropertyNames(Object.prototype)")) <= OF_OBJECTS
    assert {"Math", "Number", "In", "undefined", "globalThis"} <= built_in()
    assert set(PART_OF["save"]) - {"graph"} <= set(PARTS) and PRELUDE


def test_what_grows_is_the_engines_which_has_a_limit() -> None:
    model = LazyEcmaScript(DEFAULT_LIMITS)
    model.declare("s")
    model.assign("s", "'abcdefgh'")
    with pytest.raises((EvaluationError, LimitExceededError)):
        for _ in range(40):
            model.assign("s", "s + s")
    assert model.has_engine
    assert compile_plain("(" * 400 + "1" + ")" * 400) is None
    assert compile_plain("+".join(["1"] * 400)) is None


def test_many_evaluations_in_one_input_are_metered() -> None:
    model = LazyEcmaScript(DEFAULT_LIMITS)
    for _ in range(2_000):
        model.evaluate("1")
    model.begin_input()
    model.evaluate("1")
    assert not model.has_engine
    for _ in range(2_000):
        model.evaluate("1")
    assert model.has_engine


def test_the_shipped_inbound_application_reaches_the_agent_without_an_engine() -> None:
    interaction = {"id": "c", "connid": "1", "ani": "+14155550100", "arrivaltime": 1.5, "udata": {"a": "b"}}
    data = {"interaction": interaction, "parameters": {"queue": "sales"}}
    document = compile_document(SHIPPED["inbound"])
    session = Interpreter(document, "s", actions=ACTIONS, bindings={"_genesys": data})
    session.start(0.0)
    agent = {"agent": "a1", "dn": "8001", "reservation": "r", "requestid": "s:3", "ewt": 60.0}
    for event in (
        Event("queue.query.done", data={"agentsloggedin": 2}),
        Event("dialog.play.done", data={"digits": ""}),
        Event("queue.position", data=agent),
        Event("queue.submit.done", data=agent),
    ):
        session.feed(event, 1.0)
        saved = json.loads(json.dumps(session.snapshot()))
        session = Interpreter.restore(document, saved, actions=ACTIONS)
    assert session.configuration == ("call", "line", "ringing")
    assert session.evaluate("agent") == agent
    assert not session._root.datamodel.has_engine  # type: ignore[attr-defined]
    now = session.evaluate("Date.now()")
    assert isinstance(now, int) and 0 <= session.evaluate("Date.now() - 0") - now < 60_000
    assert not session._root.datamodel.has_engine  # type: ignore[attr-defined]
    assert 0 <= session.evaluate("Date.now() + failures++") - now < 60_000
    assert session.evaluate("pause()") == "1s"


@pytest.mark.parametrize(
    "script",
    [
        "var a = {n: 1}; a.self = a",
        "var a = [1]; for (let i = 0; i < 30; i++) a = [a, a]",
        "var a = new Date(5)",
    ],
)
def test_what_a_list_of_values_cannot_tell_is_woken_with_an_engine(script: str) -> None:
    model = LazyEcmaScript(DEFAULT_LIMITS)
    model.run(script)
    woken = LazyEcmaScript(DEFAULT_LIMITS)
    woken.load(model.save())
    assert woken.has_engine
    assert woken.evaluate("typeof a") == "object"
    plain = LazyEcmaScript(DEFAULT_LIMITS)
    model.run("a = {n: [1, {m: 2}]}; var b = a.n")
    plain.load(model.save())
    assert not plain.has_engine
    assert plain.evaluate("a.n === b") is True
