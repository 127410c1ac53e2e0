"""Inline grammars for keys: the XML form of SRGS 1.0 in its mode `dtmf`.

Rules, items with repeat, alternatives, references to rules of the same grammar, and tags whose text is the
meaning. Refused: other modes, references to other grammars, recursion, GARBAGE, scripts in tags.
"""

from __future__ import annotations

from ringback.sandbox import DocumentError, Element

from .grammar import Expr, Grammar, Keys, OneOf, Repeat, Seq, Tag, spelled

NAMESPACE = "http://www.w3.org/2001/06/grammar"
LITERALS = "semantics/1.0-literals"
_IGNORED = frozenset({"example", "lexicon", "meta", "metadata"})
_REPEAT_LIMIT = 500
_READ_LIMIT = 5_000
"""Elements, each as often as it is referred to."""


def compile_srgs(grammar: Element) -> Grammar:
    """The grammar of a `<grammar>` element. Raises DocumentError."""
    mode = grammar.get("mode", "voice")
    if mode != "dtmf":
        raise DocumentError(f"the grammar's mode is {mode!r}; keys are 'dtmf'", grammar.line)
    if (grammar.get("tag-format") or LITERALS) != LITERALS:
        raise DocumentError(f"'tag-format' is {LITERALS!r} or nothing", grammar.line)
    rules = {rule.get("id", ""): rule for rule in grammar.elements() if rule.name == "rule"}
    if not rules:
        raise DocumentError("a grammar needs a <rule>", grammar.line)
    root = grammar.get("root") or next(iter(rules))
    return Grammar(_Reader(rules).rule(f"#{root}", grammar, ()))


class _Reader:
    """Reads the rules of one grammar."""

    def __init__(self, rules: dict[str | None, Element]) -> None:
        self._rules = rules
        self._read = 0

    def rule(self, uri: str, where: Element, above: tuple[str, ...]) -> Expr:
        """What stands in a rule; `above` are the rules that led here."""
        name = uri.removeprefix("#")
        found = self._rules.get(name)
        if not uri.startswith("#") or found is None:
            raise DocumentError(f"there is no rule {uri!r} in this grammar", where.line)
        if name in above:
            raise DocumentError(f"the rule {name!r} leads to itself", where.line)
        return self._inside(found, (*above, name))

    def _inside(self, element: Element, above: tuple[str, ...]) -> Expr:
        parts: list[Expr] = []
        for child in element.children:
            if isinstance(child, str):
                parts += map(Keys, spelled(child))
            elif child.name not in _IGNORED:
                parts.append(self._element(child, above))
        return parts[0] if len(parts) == 1 else Seq(tuple(parts))

    def _element(self, element: Element, above: tuple[str, ...]) -> Expr:
        self._read += 1
        if self._read > _READ_LIMIT:
            raise DocumentError("the rules of the grammar refer to one another too often", element.line)
        match element.name:
            case "item":
                return self._item(element, above)
            case "one-of":
                return OneOf(tuple(self._element(each, above) for each in element.elements()))
            case "tag":
                return Tag(element.text().strip())
            case "token":
                return Seq(tuple(map(Keys, spelled(element.text()))))
            case "ruleref":
                return self._reference(element, above)
        raise DocumentError(f"<{element.name}> does not belong into a grammar for keys", element.line)

    def _item(self, element: Element, above: tuple[str, ...]) -> Expr:
        inside = self._inside(element, above)
        least, dash, most = (element.get("repeat") or "1").partition("-")
        top = most if dash else least
        if not least.isdecimal() or (top and not top.isdecimal()):
            raise DocumentError(f"'repeat' is N, N-M or N-, not {element.get('repeat')!r}", element.line)
        low, high = int(least), int(top) if top else None
        if max(low, high or 0) > _REPEAT_LIMIT or (high is not None and high < low):
            raise DocumentError(f"'repeat' is out of range: {element.get('repeat')!r}", element.line)
        return inside if (low, high) == (1, 1) else Repeat(inside, low, high)

    def _reference(self, element: Element, above: tuple[str, ...]) -> Expr:
        special = element.get("special")
        if special == "NULL":
            return Seq()
        if special == "VOID":
            return OneOf(())
        if special is not None:
            raise DocumentError(f"the special rule {special!r} is for speech", element.line)
        return self.rule(element.get("uri") or "", element, above)
