import pytest

from ringback.scxml import EvaluationError, Event, LimitExceededError, Limits
from ringback.scxml.ecmascript import EcmaScript


@pytest.fixture
def model() -> EcmaScript:
    return EcmaScript(Limits(script_seconds=0.05, memory_bytes=4 * 1024 * 1024))


@pytest.mark.parametrize(
    "script",
    [
        "while (true) {}",
        "/(a+)+$/.test('a'.repeat(40) + 'b')",
        "[2, 1].sort(function () { while (true) {} })",
        "try { while (true) {} } catch (error) {}",
    ],
)
def test_a_script_that_never_ends_is_stopped(model: EcmaScript, script: str) -> None:
    with pytest.raises(LimitExceededError) as caught:
        model.run(script)
    assert caught.value.slug == "script_time"


@pytest.mark.parametrize(
    "script", ["var a = []; while (true) a.push('x'.repeat(99999) + a.length)", "new ArrayBuffer(1e9)"]
)
def test_a_script_that_takes_all_memory_is_stopped(model: EcmaScript, script: str) -> None:
    with pytest.raises(LimitExceededError) as caught:
        model.run(script)
    assert caught.value.slug == "memory"


def test_many_short_scripts_share_one_budget_until_the_next_input(model: EcmaScript) -> None:
    slow = "var n = 0; while (n < 100000) n++"
    with pytest.raises(LimitExceededError):
        for _ in range(1000):
            model.run(slow)
    model.begin_input()
    model.run("var fresh = 1")
    assert model.evaluate("fresh") == 1


@pytest.mark.parametrize(
    "expr", ["nosuch", "x=", "null.y", "(function f() { return f() })()", "throw 1", "return", "a => {"]
)
def test_a_faulty_expression_is_an_evaluation_error(model: EcmaScript, expr: str) -> None:
    with pytest.raises(EvaluationError):
        model.evaluate(expr)


@pytest.mark.parametrize(
    ("expr", "value"),
    [
        ("1 + 1", 2),
        ("0.5", 0.5),
        ("2 ** 40", 2**40),
        ("'a' + 'b'.repeat(3000)", "a" + "b" * 3000),
        ("{a: [1, undefined, null]}", {"a": [1, None, None]}),
        ("undefined", None),
        ("10n", 10),
        ("'\\ud800'", "\ufffd"),
        ("['\\ud800']", ["\ufffd"]),
        ("true;", True),
    ],
)
def test_values_cross_to_python(model: EcmaScript, expr: str, value: object) -> None:
    assert model.evaluate(expr) == value


def test_the_application_cannot_reach_the_machinery(model: EcmaScript) -> None:
    model.run("JSON.stringify = null; Map = null; eval = null; Function = null; Object.keys = null")
    model.declare("x")
    model.assign("x", "{a: 1}")
    model.bind_event(Event("foo", data={"k": 1}))
    assert model.evaluate("[x.a, _event.data.k]") == [1, 1]
    assert model.evaluate("[typeof $prelude, typeof require, typeof std, typeof os]") == ["undefined"] * 4


def test_system_variables_cannot_be_assigned(model: EcmaScript) -> None:
    """SCXML 5.10."""
    model.bind_system({"_sessionid": "s"})
    model.bind_event(Event("foo"))
    for location in ("_sessionid", "_event", "_event.name", "undeclared"):
        with pytest.raises(EvaluationError):
            model.assign(location, "1")


def test_variables_survive_saving_with_cycles_dates_functions_and_xml(model: EcmaScript) -> None:
    model.run("var o = {d: new Date(5), f: function (n) { return n + 1 }, n: NaN, u: undefined}; o.self = o")
    model.run("var shared = [1]; var pair = {a: shared, b: shared}; var m = new Map([['k', new Set([1])]])")
    model.declare("x")
    model.assign_value("x", {"$xml": "<a><b c='1'/></a>"})
    other = EcmaScript(Limits())
    other.load(model.save())
    assert other.evaluate("[o.d.getTime(), o.f(1), o.n !== o.n, 'u' in o, o.self === o]") == [
        5,
        2,
        True,
        True,
        True,
    ]
    assert other.evaluate("[pair.a === pair.b, m.get('k').has(1)]") == [True, True]
    assert other.evaluate("x.getElementsByTagName('b')[0].getAttribute('c')") == "1"


def test_a_key_named_like_a_prototype_is_only_a_key(model: EcmaScript) -> None:
    model.bind_event(Event("foo", data={"__proto__": {"polluted": 1}, "constructor": 2}))
    assert model.evaluate("({}).polluted") is None
    model.run("var copy = _event.data")
    other = EcmaScript(Limits())
    other.load(model.save())
    assert other.evaluate("[Object.keys(copy).length, ({}).polluted]") == [2, None]


def test_data_that_is_nested_too_deeply_is_refused(model: EcmaScript) -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(EvaluationError):
        model.bind_event(Event("foo", data=deep))
    with pytest.raises(EvaluationError):
        model.evaluate("(function () { var a = []; for (var i = 0; i < 5000; i++) a = [a]; return a })()")


def test_data_that_nothing_was_evaluated_on_are_saved_once() -> None:
    model = EcmaScript(Limits())
    model.declare("x")
    model.assign("x", "1")
    saved = model.save()
    model.bind_event(Event("voice.ringing"))
    assert model.save() is saved
    model.assign("x", "_event.name")
    assert model.save() is not saved
    assert model.evaluate("x") == "voice.ringing"


def test_a_script_sees_the_event_that_came_last() -> None:
    model = EcmaScript(Limits())
    model.bind_event(Event("first"))
    model.bind_event(Event("second"))
    model.run("var seen = _event.name")
    assert model.evaluate("seen") == "second"
