"""Targets: which agents may take an interaction.

A target is written as the field writes it: a skill expression
(`?:English>=5&(Loans=2|Sales>3)@StatServer.GA`, the leading `?` or `?:` and the `@` suffix may be left out),
one agent (`1001@StatServer.A`, `1001.A`), an agent group (`Sales@StatServer.GA`, `Sales.GA`), a place or a
place group (`.AP`, `.GP`), or the agents who serve a virtual queue or a group of virtual queues (`.Q`,
`.GQ`). An empty expression (`?:`) means every agent. A skill that an agent does not have counts as level 0.
Expressions that mean the same by order of their parts have the same `key`, so they share one index.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from ringback.domain.comparing import COMPARISONS

MAX_LENGTH = 4096
MAX_DEPTH = 32

_TOKEN = re.compile(
    r'\s*(?:(?P<quoted>"[^"]*")|(?P<op>!=|>=|<=|[=<>&|()])|(?P<number>\d+(?![\w.-]))|(?P<name>\w[\w.\-]*))'
)
_BARE_NAME = re.compile(r"(?!\d+$)\w[\w.\-]*")
_SHORT = re.compile(
    r'(?P<name>[^=<>!?@"{}\[\]]*[^=<>!?@"{}\[\]\s])\.(?P<kind>A|GA|AP|GP|Q|GQ)', re.IGNORECASE
)
"""No skill is compared in it, so it can only be a name, whatever blanks and dots that has."""
_GROUP = re.compile(r'\s*"(?P<quoted>[^"]+)"\s*:|(?P<plain>[^:"=<>!?@&|()]*):')
_SUFFIX = re.compile(r"@(?P<server>[\w.\-]*)\.(?P<kind>[A-Za-z]+)\s*$")


class ExpressionError(ValueError):
    """A target that cannot be read: `position` counts characters from 0, `reason` says what was expected."""

    def __init__(self, text: str, position: int, reason: str) -> None:
        super().__init__(f"at {position}: {reason}")
        self.text = text
        self.position = position
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Profile:
    """What the router knows of an agent when it looks for a match."""

    agent: str
    skills: Mapping[str, int]
    groups: frozenset[str] = frozenset()
    place: str = ""


@dataclass(frozen=True, slots=True)
class Everyone:
    """Every agent who is logged in."""

    @property
    def key(self) -> str:
        return "*"

    def matches(self, profile: Profile) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class OneAgent:
    """One agent by id."""

    agent: str

    @property
    def key(self) -> str:
        return f"agent:{self.agent}"

    def matches(self, profile: Profile) -> bool:
        return profile.agent == self.agent


@dataclass(frozen=True, slots=True)
class Group:
    """The members of an agent group."""

    name: str

    @property
    def key(self) -> str:
        return f"group:{self.name}"

    def matches(self, profile: Profile) -> bool:
        return self.name in profile.groups


@dataclass(frozen=True, slots=True)
class AtPlace:
    """Whoever is logged in at a place."""

    place: str

    @property
    def key(self) -> str:
        return f"place:{self.place}"

    def matches(self, profile: Profile) -> bool:
        return profile.place == self.place


@dataclass(frozen=True, slots=True)
class Named:
    """What must be looked up in the configuration first: a place group, a virtual queue, a group of those."""

    kind: str
    name: str

    @property
    def key(self) -> str:
        return f"{self.name}.{self.kind}"

    def matches(self, profile: Profile) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Level:
    """One comparison of a skill level."""

    skill: str
    op: str
    value: int

    @property
    def key(self) -> str:
        name = self.skill if _BARE_NAME.fullmatch(self.skill) else f'"{self.skill}"'
        return f"{name}{self.op}{self.value}"

    @property
    def holds_without(self) -> bool:
        """Whether an agent who lacks the skill satisfies the comparison."""
        return COMPARISONS[self.op](0, self.value)

    def matches(self, profile: Profile) -> bool:
        return COMPARISONS[self.op](profile.skills.get(self.skill, 0), self.value)


@dataclass(frozen=True, slots=True)
class Every:
    """All parts hold."""

    parts: tuple[Expression, ...]

    @property
    def key(self) -> str:
        return "&".join(f"({p.key})" if isinstance(p, Either) else p.key for p in self.parts)

    def matches(self, profile: Profile) -> bool:
        return all(part.matches(profile) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Either:
    """At least one part holds."""

    parts: tuple[Expression, ...]

    @property
    def key(self) -> str:
        return "|".join(part.key for part in self.parts)

    def matches(self, profile: Profile) -> bool:
        return any(part.matches(profile) for part in self.parts)


Expression = Everyone | OneAgent | Group | AtPlace | Named | Level | Every | Either

_KINDS: dict[str, Callable[[str], Expression]] = {
    "A": OneAgent,
    "GA": Group,
    "AP": AtPlace,
    "GP": partial(Named, "GP"),
    "Q": partial(Named, "Q"),
    "GQ": partial(Named, "GQ"),
}
_EXPECTED = {
    "A": "an agent id",
    "GA": "a group name",
    "AP": "a place",
    "GP": "a place group",
    "Q": "a virtual queue",
    "GQ": "a group of virtual queues",
}


def parse_target(text: str) -> Expression:
    """Read a target. Raises ExpressionError with position and reason."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(text, MAX_LENGTH, f"longer than {MAX_LENGTH} characters")
    if short := _SHORT.fullmatch(text.strip()):
        return _KINDS[short["kind"].upper()](short["name"])
    suffix = _SUFFIX.search(text)
    body = text[: suffix.start()] if suffix else text
    kind = suffix["kind"].upper() if suffix else None
    stripped = body.strip()
    if kind is None or (kind == "GA" and (stripped.startswith("?") or re.search(r"[=<>]", stripped))):
        return _parse_skills(text, body)
    if kind not in _KINDS:
        assert suffix is not None
        raise ExpressionError(text, suffix.start("kind"), f"targets of type {kind} are not agents")
    return _KINDS[kind](_plain_name(text, stripped, _EXPECTED[kind]))


def _plain_name(text: str, name: str, expected: str) -> str:
    if not name or name.startswith("?"):
        raise ExpressionError(text, 0, f"{expected} is expected")
    return name


def _parse_skills(text: str, body: str) -> Expression:
    start = len(body) - len(body.lstrip())
    group: Expression | None = None
    if body[start : start + 1] == "?":
        start += 1
        prefix = _GROUP.match(body, start)
        if prefix:
            start = prefix.end()
            name = prefix["quoted"] or prefix["plain"].strip()
            group = Group(name) if name else None
    if not body[start:].strip():
        return group or Everyone()
    expression = _Parser(text, body, start).parse()
    return join(Every, [group, expression]) if group else expression


def anchors(expression: Expression) -> frozenset[str] | None:
    """Marks of which every match bears at least one (`marks`), as few as the expression allows; None: there
    are none.
    """
    if isinstance(expression, Everyone | Named):
        return None
    if isinstance(expression, OneAgent | Group | AtPlace):
        return frozenset((expression.key,))
    if isinstance(expression, Level):
        return None if expression.holds_without else frozenset((f"skill:{expression.skill}",))
    parts = [anchors(part) for part in expression.parts]
    known = [part for part in parts if part is not None]
    if isinstance(expression, Every):
        return min(known, key=len) if known else None
    return frozenset[str]().union(*known) if len(known) == len(parts) else None


def marks(profile: Profile) -> list[str]:
    """What an agent can be found by."""
    found = [f"agent:{profile.agent}", *(f"skill:{skill}" for skill in profile.skills)]
    found += [f"group:{group}" for group in sorted(profile.groups)]
    return [*found, f"place:{profile.place}"] if profile.place else found


def join(kind: type[Every] | type[Either], parts: list[Expression]) -> Expression:
    """One node of `kind`: flat, without repeats, in a fixed order, so that equal meanings have equal keys."""
    flat: dict[str, Expression] = {}
    for part in parts:
        for leaf in part.parts if isinstance(part, kind) else (part,):
            flat[leaf.key] = leaf
    ordered = tuple(flat[key] for key in sorted(flat))
    return ordered[0] if len(ordered) == 1 else kind(ordered)


class _Parser:
    """Recursive descent.

    either := every ('|' every)*
    every := term ('&' term)*
    term := '(' either ')' | level
    """

    def __init__(self, text: str, body: str, start: int) -> None:
        self._text = text
        self._body = body
        self._at = start
        self._depth = 0
        self._kind = ""
        self._lexeme = ""
        self._start = start
        self._advance()

    def parse(self) -> Expression:
        expression = self._either()
        if self._kind:
            raise self._error("'&' or '|' is expected")
        return expression

    def _either(self) -> Expression:
        parts = [self._every()]
        while self._lexeme == "|":
            self._advance()
            parts.append(self._every())
        return join(Either, parts)

    def _every(self) -> Expression:
        parts = [self._term()]
        while self._lexeme == "&":
            self._advance()
            parts.append(self._term())
        return join(Every, parts)

    def _term(self) -> Expression:
        if self._lexeme != "(":
            return self._level()
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error(f"more than {MAX_DEPTH} parentheses inside each other")
        self._advance()
        inner = self._either()
        if self._lexeme != ")":
            raise self._error("')' is expected")
        self._depth -= 1
        self._advance()
        return inner

    def _level(self) -> Expression:
        if self._kind not in ("name", "quoted"):
            raise self._error("a skill name is expected")
        skill = self._lexeme.strip('"')
        self._advance()
        if self._lexeme not in COMPARISONS:
            raise self._error("one of = != > >= < <= is expected")
        op = self._lexeme
        self._advance()
        if self._kind != "number":
            raise self._error("a skill level (a whole number) is expected")
        value = int(self._lexeme)
        self._advance()
        return Level(skill, op, value)

    def _advance(self) -> None:
        match = _TOKEN.match(self._body, self._at)
        if match is None:
            rest = self._body[self._at :]
            self._start = self._at + len(rest) - len(rest.lstrip())
            if rest.strip():
                raise self._error(f"unexpected character {self._body[self._start]!r}")
            self._kind = self._lexeme = ""
            return
        self._kind = match.lastgroup or ""
        self._lexeme = match[self._kind]
        self._start = match.start(self._kind)
        self._at = match.end()

    def _error(self, reason: str) -> ExpressionError:
        return ExpressionError(self._text, self._start, reason)
