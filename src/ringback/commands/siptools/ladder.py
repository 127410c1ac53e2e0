"""The messages of a call as a ladder: who said what to whom, from top to bottom. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

from ringback.contracts.sip_trace import TracedMessage
from ringback.sip import Request, SipParseError, parse_message
from ringback.sip.uri import format_host_port

_COLUMN, _NARROW = 24, 14
_CLOCK = 10
_WAIT_S = 0.5
"""The two sides of a message see it within this many seconds of each other."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """One message on its way; `time` in seconds since the epoch."""

    time: float
    sender: str
    receiver: str
    label: str
    call_id: str
    message: TracedMessage


def pair(messages: Iterable[TracedMessage]) -> list[Arrow]:
    """One arrow for each message, though both its sides may have told of it."""
    sent: dict[bytes, list[TracedMessage]] = {}
    arrows: list[Arrow] = []
    ordered = sorted(messages, key=lambda item: (item.time, item.direction == "in"))
    for item in ordered:
        if item.direction == "out":
            sent.setdefault(item.data, []).append(item)
    received: set[int] = set()
    for item in ordered:
        if item.direction == "in":
            origin = _origin(sent.get(item.data, []), item, received)
            sender = origin.service if origin is not None else format_host_port(*item.peer)
            arrows.append(_arrow(item, origin.time if origin else item.time, sender, item.service))
    for item in ordered:
        if item.direction == "out" and id(item) not in received:
            arrows.append(_arrow(item, item.time, item.service, format_host_port(*item.peer)))
    return sorted(arrows, key=lambda arrow: arrow.time)


def _origin(
    candidates: Sequence[TracedMessage], item: TracedMessage, received: set[int]
) -> TracedMessage | None:
    """The sending of a message that was received; each is used once."""
    for sent in candidates:
        if id(sent) not in received and abs(sent.time - item.time) < _WAIT_S:
            received.add(id(sent))
            return sent
    return None


def _arrow(item: TracedMessage, time: float, sender: str, receiver: str) -> Arrow:
    try:
        message = parse_message(item.data)
        if isinstance(message, Request):
            label = message.method
        else:
            label = f"{message.status} ({message.cseq.method})"
        call_id = message.call_id
    except SipParseError:
        label, call_id = "unreadable", ""
    return Arrow(time, sender, receiver, label, call_id, item)


def draw(arrows: Sequence[Arrow], width: int | None = None) -> list[str]:
    """The ladder, line by line; the columns stand in the order in which they first spoke.

    `width`: of the terminal, in which the ladder stays as far as its labels can be read.
    """
    names = list(dict.fromkeys(name for arrow in arrows for name in (arrow.sender, arrow.receiver)))
    if not names:
        return []
    wide = _COLUMN if width is None else max(_NARROW, min(_COLUMN, (width - _CLOCK) // len(names)))
    head = " " * _CLOCK + "".join(_centred(name, wide) for name in names)
    lines = [head.rstrip(), (" " * _CLOCK + "".join(_centred("│", wide) for _ in names)).rstrip()]
    began = arrows[0].time
    for arrow in arrows:
        row = _row(names.index(arrow.sender), names.index(arrow.receiver), arrow.label, len(names), wide)
        lines.append(f"{arrow.time - began:8.3f}  {row}".rstrip())
    return lines


def _row(start: int, end: int, label: str, columns: int, wide: int) -> str:
    """One arrow between two columns, over those between them."""
    cells = [" "] * (columns * wide)
    for column in range(columns):
        cells[_middle(column, wide)] = "│"
    left, right = sorted((_middle(start, wide), _middle(end, wide)))
    if start == end:
        text = f"↺ {label}"
        cells[left + 2 : left + 2 + len(text)] = list(text)
        return "".join(cells)
    for position in range(left + 1, right):
        cells[position] = "─"
    cells[right - 1 if end > start else left + 1] = "▶" if end > start else "◀"
    text = f" {label[: right - left - 6]} "
    at = (left + right - len(text)) // 2 + 1
    cells[at : at + len(text)] = list(text)
    return "".join(cells)


def _middle(column: int, wide: int) -> int:
    return column * wide + wide // 2


def _centred(text: str, wide: int) -> str:
    short = text if cell_len(text) < wide else set_cell_size(text, wide - 2) + "…"
    left = (wide - cell_len(short) + 1) // 2
    return set_cell_size(" " * left + short, wide)
