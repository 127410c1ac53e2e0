"""Which elements stand where, and the attributes that they must have (VoiceXML 2.1 appendix B). A table."""

from __future__ import annotations

from dataclasses import dataclass

from ringback.sandbox import DocumentError, Element

HANDLERS = frozenset({"catch", "error", "help", "noinput", "nomatch"})
SPOKEN = frozenset(
    {"audio", "break", "desc", "emphasis", "enumerate", "foreach", "lexicon", "mark", "meta", "metadata"}
    | {"p", "paragraph", "phoneme", "prosody", "s", "say-as", "sentence", "sub", "value", "voice"}
)
CONTENT = frozenset(
    {"assign", "audio", "clear", "data", "disconnect", "enumerate", "exit", "foreach", "goto", "if", "log"}
    | {"prompt", "reprompt", "return", "script", "submit", "throw", "value", "var"}
)
ASKING = HANDLERS | {"audio", "enumerate", "prompt", "property", "value"}
ITEMS = frozenset({"block", "field", "initial", "object", "record", "subdialog", "transfer"})
ANYTHING = frozenset({"*"})


@dataclass(frozen=True, slots=True)
class Rule:
    """`needs` must be there; of each group in `one_of` exactly one, of each in `one_at_most` one or none."""

    children: frozenset[str] = frozenset()
    needs: tuple[str, ...] = ()
    one_of: tuple[tuple[str, ...], ...] = ()
    one_at_most: tuple[tuple[str, ...], ...] = ()


_SPOKEN_RULE = Rule(SPOKEN)
RULES: dict[str, Rule] = {
    "vxml": Rule(
        HANDLERS | {"data", "form", "link", "menu", "meta", "metadata", "property", "script", "var"},
        ("version",),
    ),
    "form": Rule(
        HANDLERS | ITEMS | {"data", "filled", "grammar", "link", "property", "script", "var"},
    ),
    "menu": Rule(ASKING | {"choice", "script"}),
    "choice": Rule(frozenset({"grammar"}), one_of=(("next", "expr", "event", "eventexpr"),)),
    "link": Rule(frozenset({"grammar"}), one_of=(("next", "expr", "event", "eventexpr"),)),
    "field": Rule(ASKING | {"filled", "grammar", "link", "option"}),
    "option": Rule(),
    "block": Rule(CONTENT),
    "initial": Rule(ASKING | {"link"}),
    "object": Rule(ANYTHING),
    "record": Rule(ASKING | {"filled", "grammar"}),
    "subdialog": Rule(ASKING | {"filled", "param"}, one_of=(("src", "srcexpr"),)),
    "transfer": Rule(ASKING | {"filled", "grammar"}, one_of=(("dest", "destexpr"),)),
    "param": Rule(needs=("name",), one_of=(("expr", "value"),)),
    "filled": Rule(CONTENT),
    **dict.fromkeys(HANDLERS, Rule(CONTENT)),
    "assign": Rule(needs=("name", "expr")),
    "clear": Rule(),
    "data": Rule(one_of=(("src", "srcexpr"),)),
    "disconnect": Rule(),
    "exit": Rule(one_at_most=(("expr", "namelist"),)),
    "foreach": Rule(CONTENT | SPOKEN, ("array", "item")),
    "goto": Rule(one_of=(("next", "expr", "nextitem", "expritem"),)),
    "if": Rule(CONTENT | {"elseif", "else"}, ("cond",)),
    "elseif": Rule(needs=("cond",)),
    "else": Rule(),
    "log": Rule(frozenset({"value"})),
    "reprompt": Rule(),
    "return": Rule(one_at_most=(("namelist", "event", "eventexpr"),)),
    "script": Rule(one_at_most=(("src", "srcexpr"),)),
    "submit": Rule(one_of=(("next", "expr"),)),
    "throw": Rule(one_of=(("event", "eventexpr"),)),
    "var": Rule(needs=("name",)),
    "property": Rule(needs=("name", "value")),
    "meta": Rule(),
    "metadata": Rule(ANYTHING),
    "grammar": Rule(ANYTHING, one_at_most=(("src", "srcexpr"),)),
    "prompt": _SPOKEN_RULE,
    "audio": Rule(SPOKEN, one_at_most=(("src", "expr"),)),
    "enumerate": Rule(SPOKEN),
    "value": Rule(needs=("expr",)),
    "mark": Rule(one_of=(("name", "nameexpr"),)),
    "break": Rule(),
    "desc": Rule(),
    "lexicon": Rule(),
    **dict.fromkeys(("emphasis", "p", "paragraph", "phoneme", "prosody", "s"), _SPOKEN_RULE),
    **dict.fromkeys(("say-as", "sentence", "sub", "voice"), _SPOKEN_RULE),
}


def check(element: Element) -> frozenset[str]:
    """Hold one element against its rule; the children it may have. Raises DocumentError."""
    rule = RULES.get(element.name)
    if rule is None:
        raise DocumentError(f"VoiceXML has no element <{element.name}>", element.line)
    missing = [name for name in rule.needs if element.get(name) is None]
    if missing:
        raise DocumentError(f"<{element.name}> needs {', '.join(map(repr, missing))}", element.line)
    for group in (*rule.one_of, *rule.one_at_most):
        given = sum(element.get(name) is not None for name in group)
        if given > 1 or (given == 0 and group in rule.one_of):
            raise DocumentError(f"<{element.name}> has one of {', '.join(group)}, not {given}", element.line)
    return rule.children
