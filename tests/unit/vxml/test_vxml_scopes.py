"""Variables and scripts (VoiceXML 2.0 5.1, 5.3.12)."""

import json

import pytest

from ringback.sandbox import DEFAULT_LIMITS, EvaluationError, LimitExceededError, Limits
from ringback.vxml.scopes import Scopes


def scoped(limits: Limits = DEFAULT_LIMITS) -> tuple[Scopes, int, int]:
    scopes = Scopes(limits)
    outer, inner = scopes.open(), scopes.open()
    scopes.use((outer, inner))
    return scopes, outer, inner


def test_5_1_2_the_innermost_scope_is_searched_first() -> None:
    scopes, outer, inner = scoped()
    scopes.define(outer, "x", "1")
    scopes.define(outer, "y", "2")
    scopes.define(inner, "x", "x + 10")
    assert scopes.evaluate("[x, y]") == [11, 2]
    scopes.use((outer,))
    assert scopes.evaluate("x") == 1


def test_5_3_2_assigning_to_what_is_not_declared_is_an_error() -> None:
    scopes, outer, _ = scoped()
    with pytest.raises(EvaluationError, match="not declared"):
        scopes.assign("nobody", "1")
    scopes.define(outer, "x", "{a: 1}")
    scopes.assign("x.a", "x.a + 1")
    assert scopes.evaluate("x") == {"a": 2}
    with pytest.raises(EvaluationError):
        scopes.assign("session.x", "1")


@pytest.mark.parametrize("name", ["", "1a", "a b", "a-b", "x;y", "a.b"])
def test_a_bad_name_is_refused(name: str) -> None:
    scopes, outer, _ = scoped()
    with pytest.raises(EvaluationError):
        scopes.declare(outer, name)


SCRIPT = """
  var a = 1, b = [2, 3], c; // var no = 1;
  function twice(x) { var inner = x * 2; return inner; }
  for (var i = 0, n = 2; i < n; i++) { var last = i; }
  let kept = /var q = "/.test('}') ? 1 : 2;
  var text = 'function not() {}', f = function named(z) { return z + a; };
  count = count + 1;
  function total() { return count + a; }
"""


def test_5_3_12_what_a_script_declares_belongs_to_the_scope_around_it() -> None:
    scopes, outer, inner = scoped()
    scopes.define(inner, "count", "4")
    scopes.run(inner, SCRIPT)
    names = ["a", "b", "c", "twice", "i", "n", "last", "kept", "text", "f", "total"]
    assert all(scopes.has(inner, name) for name in names)
    assert not any(scopes.has(inner, name) for name in ("inner", "no", "q", "not", "named", "x", "z"))
    assert not scopes.has(outer, "a")
    scopes.assign("count", "count + 1")
    assert scopes.evaluate("[twice(4), f(1), total(), last]") == [8, 2, 7, 1]


def test_scopes_are_saved_with_functions_and_what_they_share() -> None:
    scopes, outer, inner = scoped()
    scopes.link(outer, "mine", inner)
    scopes.run(outer, "var shared = {n: 1}; function grow() { shared.n += 1; return shared.n; }")
    scopes.define(inner, "same", "shared")
    saved = json.loads(json.dumps(scopes.save()))
    other = Scopes(DEFAULT_LIMITS)
    other.load(saved, {outer: (outer,), inner: (outer, inner)})
    other.use((outer, inner))
    assert other.evaluate("[grow(), same.n, mine.same.n]") == [2, 2, 2]
    assert other.open() == 3


def test_a_script_that_never_ends_is_stopped() -> None:
    scopes, outer, _ = scoped(Limits(script_seconds=0.05))
    with pytest.raises(LimitExceededError):
        scopes.run(outer, "while (true) {}")
