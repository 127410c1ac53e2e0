"""Key grammars: which sequences of keys are taken, and what each means.

An expression is compiled to a small program whose threads run side by side, one step a key: no sequence and
no grammar makes it slow (Pike's construction).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from ringback.sandbox import DocumentError

KEYS = "0123456789*#ABCD"
_PROGRAM_LIMIT = 5_000

Meaning = str | bool


@dataclass(frozen=True, slots=True)
class Keys:
    """One of these keys."""

    keys: str


@dataclass(frozen=True, slots=True)
class Seq:
    """One after the other."""

    parts: tuple[Expr, ...] = ()


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of them, the first that fits; none never fits."""

    parts: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """So many times; `most` None: without end."""

    part: Expr
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Tag:
    """What the sequence means; the last one passed counts."""

    text: str


Expr = Keys | Seq | OneOf | Repeat | Tag


@dataclass(frozen=True, slots=True)
class _Step:
    """A key to be pressed (`keys`), a meaning (`tag`), or a fork; `then` are the next steps."""

    then: tuple[int, ...]
    keys: str = ""
    tag: str | None = None


class _Program:
    """The steps of an expression; step 0 is the end."""

    def __init__(self) -> None:
        self.steps: list[_Step] = [_Step(())]

    def add(self, step: _Step) -> int:
        if len(self.steps) >= _PROGRAM_LIMIT:
            raise DocumentError("the grammar is too large")
        self.steps.append(step)
        return len(self.steps) - 1

    def compile(self, expr: Expr, after: int) -> int:
        """Add an expression before the step `after`; its first step."""
        match expr:
            case Keys(keys):
                return self.add(_Step((after,), keys=keys))
            case Tag(text):
                return self.add(_Step((after,), tag=text))
            case Seq(parts):
                for part in reversed(parts):
                    after = self.compile(part, after)
                return after
            case OneOf(parts):
                return self.add(_Step(tuple(self.compile(part, after) for part in parts)))
            case Repeat(part, least, most):
                return self._repeat(part, least, most, after)

    def _repeat(self, part: Expr, least: int, most: int | None, after: int) -> int:
        if most is None:
            loop = self.add(_Step(()))
            body = self.compile(part, loop)
            self.steps[loop] = _Step((body, after))
            after = loop
        else:
            end = after
            for _ in range(most - least):
                after = self.add(_Step((self.compile(part, after), end)))
        for _ in range(least):
            after = self.compile(part, after)
        return after


Threads = dict[int, str | None]


class Grammar:
    """An expression ready to run. `convert` makes the meaning of what was pressed, None when it has none."""

    def __init__(self, expr: Expr, convert: Callable[[str], Meaning | None] | None = None) -> None:
        """Raises DocumentError when it is too large."""
        self.expr = expr
        self._convert = convert
        program = _Program()
        try:
            self._first = program.compile(expr, 0)
        except RecursionError:
            raise DocumentError("the grammar is nested too deeply") from None
        self._steps = program.steps

    @cached_property
    def keys(self) -> frozenset[str]:
        """Every key that it can take."""
        return frozenset("".join(step.keys for step in self._steps))

    @cached_property
    def longest(self) -> int | None:
        """Keys in its longest sequence; None: no bound."""
        return _longest(self.expr)

    def match(self, pressed: str) -> Meaning | None:
        """What a whole sequence means: a tag's text, else the keys; None when it does not fit."""
        threads = self._run(pressed)
        if 0 not in threads:
            return None
        meaning = threads[0]
        if meaning is not None:
            return meaning
        return pressed if self._convert is None else self._convert(pressed)

    def goes_on(self, pressed: str) -> bool:
        """Whether more keys may follow."""
        return any(self._steps[number].keys for number in self._run(pressed))

    def _run(self, pressed: str) -> Threads:
        threads = self._spread([(self._first, None)])
        for key in pressed:
            pairs = [
                (self._steps[at].then[0], tag) for at, tag in threads.items() if key in self._steps[at].keys
            ]
            threads = self._spread(pairs)
            if not threads:
                break
        return threads

    def _spread(self, starts: Iterable[tuple[int, str | None]]) -> Threads:
        """Follow forks and tags to where a key is wanted, or to the end; the first to come there stays."""
        found: Threads = {}
        seen: set[int] = set()
        stack = list(starts)[::-1]
        while stack:
            number, tag = stack.pop()
            if number in seen:
                continue
            seen.add(number)
            step = self._steps[number]
            if number == 0 or step.keys:
                found[number] = tag
            else:
                tag = tag if step.tag is None else step.tag
                stack.extend((each, tag) for each in reversed(step.then))
        return found


def _longest(expr: Expr) -> int | None:
    match expr:
        case Keys():
            return 1
        case Tag():
            return 0
        case Repeat(part, _, most):
            inner = _longest(part)
            if inner == 0:
                return 0
            return None if inner is None or most is None else inner * most
        case Seq(parts) | OneOf(parts):
            lengths = [_longest(part) for part in parts]
            known = [length for length in lengths if length is not None]
            if len(known) < len(lengths):
                return None
            return sum(known) if isinstance(expr, Seq) else max(known, default=0)


def of_keys(pressed: str) -> Grammar:
    """Just this sequence. Raises DocumentError when it is none."""
    return Grammar(Seq(tuple(Keys(key) for key in spelled(pressed))))


def spelled(text: str) -> list[str]:
    """The keys in a text: `1 2`, `12`, `star pound`. Raises DocumentError."""
    found: list[str] = []
    for word in text.replace('"', " ").split():
        keys = _WORDS.get(word.lower(), word.upper())
        if any(key not in KEYS for key in keys):
            raise DocumentError(f"{word!r} is not a key")
        found += keys
    return found


_WORDS = {"pound": "#", "hash": "#", "star": "*"}
