"""The builtin grammars for keys: `digits?minlength=3`, `boolean?y=7;n=9` (VoiceXML 2.0 appendix P)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from ringback.sandbox import DocumentError

from .grammar import Expr, Grammar, Keys, OneOf, Repeat, Seq, Tag, spelled

DIGIT = Keys("0123456789")
SCHEME = "builtin:dtmf/"


def builtin(name: str) -> Grammar:
    """The grammar of a field's type, or of a URI `builtin:dtmf/TYPE`. Raises DocumentError."""
    kind, _, query = name.removeprefix(SCHEME).partition("?")
    make = _KINDS.get(kind)
    if make is None:
        raise DocumentError(f"there is no builtin grammar {kind!r} for keys")
    pairs = (part.partition("=") for part in query.split(";") if part)
    return make({key.strip(): value.strip() for key, _, value in pairs})


def _digits(options: dict[str, str]) -> Grammar:
    length = _count(options, "length", 0)
    least = length or _count(options, "minlength", 1)
    most = length or _count(options, "maxlength", 0) or None
    if most is not None and most < least:
        raise DocumentError("'maxlength' is less than 'minlength'")
    return Grammar(Repeat(DIGIT, least, most))


def _count(options: dict[str, str], name: str, default: int) -> int:
    text = options.get(name)
    if text is None:
        return default
    if not text.isdecimal() or not 0 < int(text) <= 500:
        raise DocumentError(f"{name!r} is a number from 1 to 500, not {text!r}")
    return int(text)


def _boolean(options: dict[str, str]) -> Grammar:
    yes, no = spelled(options.get("y", "1")), spelled(options.get("n", "2"))
    if not yes or not no or yes == no:
        raise DocumentError("'y' and 'n' are two different keys")
    sides = [Seq((*map(Keys, keys), Tag(text))) for keys, text in ((yes, "true"), (no, "false"))]
    return _Truth(OneOf(tuple(sides)))


class _Truth(Grammar):
    """Its meaning is true or false."""

    def match(self, pressed: str) -> str | bool | None:
        found = super().match(pressed)
        return None if found is None else found == "true"


def _decimal(separator: str, places: int | None = None) -> Callable[[dict[str, str]], Grammar]:
    """Digits, and behind `*` more of them."""
    whole: Expr = Repeat(DIGIT, 1, None)
    behind: Expr = Repeat(Seq((Keys("*"), Repeat(DIGIT, 1, places))), 0, 1)
    return lambda _options: Grammar(Seq((whole, behind)), lambda pressed: pressed.replace("*", separator))


def _amount(_options: dict[str, str]) -> Grammar:
    def convert(pressed: str) -> str:
        units, _, cents = pressed.partition("*")
        return f"{units}.{cents:0<2}"

    behind = Repeat(Seq((Keys("*"), Repeat(DIGIT, 0, 2))), 0, 1)
    return Grammar(Seq((Repeat(DIGIT, 1, None), behind)), convert)


def _date(_options: dict[str, str]) -> Grammar:
    def convert(pressed: str) -> str | None:
        try:
            date(int(pressed[:4]), int(pressed[4:6]), int(pressed[6:]))
        except ValueError:
            return None
        return pressed

    return Grammar(Repeat(DIGIT, 8, 8), convert)


def _time(_options: dict[str, str]) -> Grammar:
    def convert(pressed: str) -> str | None:
        return f"{pressed}h" if pressed[:2] < "24" and pressed[2:] < "60" else None

    return Grammar(Repeat(DIGIT, 4, 4), convert)


_KINDS: dict[str, Callable[[dict[str, str]], Grammar]] = {
    "boolean": _boolean,
    "currency": _amount,
    "date": _date,
    "digits": _digits,
    "number": _decimal("."),
    "phone": _decimal("x"),
    "time": _time,
}
