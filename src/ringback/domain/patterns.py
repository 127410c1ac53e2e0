"""Number patterns of the dial plan.

========  ==================================
``X``     any digit
``N``     2 to 9
``Z``     1 to 9
``[1-3]`` one of these; ranges and single digits
``.``     one or more of any digits, at the end
``!``     none or more of any digits, at the end
========  ==================================

Digits, ``*``, ``#`` and ``+`` stand for themselves; letters may be lower case; ``-``, blanks and parentheses
outside brackets are ignored.
"""

from dataclasses import dataclass

DIGITS = "0123456789"
_CLASSES = {"X": frozenset(DIGITS), "N": frozenset(DIGITS[2:]), "Z": frozenset(DIGITS[1:])}
_LITERALS = frozenset(DIGITS + "*#+")
_DIALLABLE = frozenset(DIGITS + "*#")
_RANK_TAIL = {".": 11, "!": 12}
_IGNORED = frozenset(" -()")


class PatternError(ValueError):
    """The text is not a pattern; the message says why."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern. ``specificity`` orders patterns: the smallest that matches wins."""

    text: str
    places: tuple[frozenset[str], ...]
    tail: str
    specificity: tuple[int, ...]

    def matches(self, number: str) -> bool:
        """Whether the whole number fits."""
        fixed = len(self.places)
        rest = len(number) - fixed
        if rest < (self.tail == ".") or (rest and not self.tail):
            return False
        if not all(digit in place for digit, place in zip(number, self.places, strict=False)):
            return False
        return all(digit in _DIALLABLE for digit in number[fixed:])


def compile_pattern(text: str) -> Pattern:
    """The pattern written as ``text``; raises PatternError.

    Specificity compares place by place from the left by how many digits fit there, so that 911 comes before
    9XX, 9XX before 9!, and 0800! before 0!.
    """
    places: list[frozenset[str]] = []
    tail = ""
    rest = text.upper()
    while rest:
        if tail:
            raise PatternError(f"nothing may follow {tail!r} in {text!r}")
        head, rest = rest[0], rest[1:]
        if head in _IGNORED:
            continue
        if head == "[":
            members, rest = _bracket(text, rest)
            places.append(members)
        elif head in _RANK_TAIL:
            tail = head
        else:
            places.append(_place(text, head))
    if not places and not tail:
        raise PatternError("the pattern is empty")
    ranks = [len(place) for place in places]
    return Pattern(text, tuple(places), tail, tuple([*ranks, _RANK_TAIL[tail]] if tail else ranks))


def _place(text: str, symbol: str) -> frozenset[str]:
    if symbol in _CLASSES:
        return _CLASSES[symbol]
    if symbol in _LITERALS:
        return frozenset(symbol)
    raise PatternError(f"{symbol!r} has no meaning in {text!r}")


def _bracket(text: str, rest: str) -> tuple[frozenset[str], str]:
    inside, closing, after = rest.partition("]")
    if not closing or not inside:
        raise PatternError(f"a bracket is empty or not closed in {text!r}")
    members: set[str] = set()
    while inside:
        if len(inside) >= 3 and inside[1] == "-":
            members |= _range(text, inside[0], inside[2])
            inside = inside[3:]
        else:
            members |= _range(text, inside[0], inside[0])
            inside = inside[1:]
    return frozenset(members), after


def _range(text: str, first: str, last: str) -> set[str]:
    if first not in DIGITS or last not in DIGITS or first > last:
        raise PatternError(f"{first}-{last} is no range of digits in {text!r}")
    return set(DIGITS[int(first) : int(last) + 1])
