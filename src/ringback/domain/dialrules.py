"""Dial-plan rules as they are written: ``pattern=>digits;param=value;…``.

``digits`` is what the number becomes; ``${DIGITS}`` stands for what was dialled, ``${DIGITS:1}`` for it
without its first digit, ``${DIGITS:1:3}`` for three digits from there.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ringback.domain.patterns import Pattern, PatternError, compile_pattern

_PARAMETERS = frozenset(
    {"type", "clir", "cpn", "calltype", "onbusy", "ondnd", "onnoanswer", "timeout", "dnis-max-length"}
)
_NUMERIC = frozenset({"timeout", "dnis-max-length"})
_TYPES = frozenset({"internal", "external", "emergency", "block"})
_MACRO = re.compile(r"\$\{DIGITS(?::(\d+))?(?::(\d+))?\}")
_TARGET = re.compile(r"[0-9*#+A-Za-z_.-]*")


class RuleError(ValueError):
    """The text is not a rule; the message says why."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled rule."""

    pattern: Pattern
    target: str
    parameters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def apply(self, dialled: str) -> tuple[str, str]:
        """What ``dialled`` becomes, and the digits cut off by ``dnis-max-length``."""
        if (limit := int(self.parameters.get("dnis-max-length", 0))) and len(dialled) > limit:
            dialled, over = dialled[:limit], dialled[limit:]
        else:
            over = ""
        return _MACRO.sub(lambda macro: _digits(macro, dialled), self.target), over


def compile_rule(text: str) -> Rule:
    """The rule written as ``text``; raises RuleError."""
    left, arrow, right = text.partition("=>")
    if not arrow:
        raise RuleError(f"{text!r} has no '=>'")
    target, *pairs = (part.strip() for part in right.split(";"))
    try:
        pattern = compile_pattern(left.strip())
    except PatternError as error:
        raise RuleError(str(error)) from error
    parameters = _parameters(text, pairs)
    if not _TARGET.fullmatch(_MACRO.sub("", target)):
        raise RuleError(f"{target!r} is no number")
    if not target and parameters.get("type") != "block":
        raise RuleError(f"{text!r} leads nowhere")
    return Rule(pattern, target, MappingProxyType(parameters))


def ordered(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Rules with the most specific first; equal ones keep their order."""
    return tuple(sorted(rules, key=lambda rule: rule.pattern.specificity))


def _parameters(text: str, pairs: Iterable[str]) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for pair in filter(None, pairs):
        name, equals, value = (part.strip() for part in pair.partition("="))
        if not equals or name not in _PARAMETERS:
            raise RuleError(f"{name!r} is no parameter of a rule")
        if name in _NUMERIC and not (value.isascii() and value.isdigit()):
            raise RuleError(f"{name} must be a number in {text!r}")
        if name == "type" and value not in _TYPES:
            raise RuleError(f"type must be one of {', '.join(sorted(_TYPES))}")
        parameters[name] = value
    return parameters


def _digits(macro: re.Match[str], dialled: str) -> str:
    start = int(macro[1] or 0)
    return dialled[start : start + int(macro[2])] if macro[2] else dialled[start:]
