"""The customer's page as HTML: what stands in it, by phase and language. Pure.

Everything that changes nothing is a link, everything else a form: the page works without its script, which
only looks again and again. What is put in is escaped where it is put in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from importlib.resources import files
from itertools import groupby
from zoneinfo import ZoneInfo

from ringback.domain.callbacks import Reason, State
from ringback.domain.numbers import masked
from ringback.services.engagement.records import Record
from ringback.services.engagement.selfservice.languages import LANGUAGES
from ringback.services.engagement.selfservice.texts import Texts

_FOLDER = files("ringback.services.engagement.selfservice")
_PAGE = _FOLDER.joinpath("page.html").read_text(encoding="utf-8")
_SCRIPT = _FOLDER.joinpath("page.js").read_text(encoding="utf-8")
_STEP_OF = {"scheduled": 0, "retry": 0, "waiting": 1, "calling": 2, "callus": 2, "talking": 3}
_SERVED = frozenset({Reason.AGENT_CONNECTED, Reason.CUSTOMER_CALLED_IN})
_CANCELLED = frozenset({Reason.CANCELLED, Reason.CANCELLED_BY_ADMIN})


@dataclass(frozen=True, slots=True)
class Foretold:
    """What is known of a wait: place from 1, and seconds in which half and nine in ten are served; None: not.

    nobody: because nobody is at work.
    """

    place: int | None = None
    p50: float | None = None
    p90: float | None = None
    nobody: bool = False


@dataclass(frozen=True, slots=True)
class ToCall:
    """What the customer is to dial, where customers call us; `code` may be empty."""

    number: str
    code: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What a page shows. slots: UTC times with room, as the API writes them. can_now: `Call me now` is there.

    to_call: the customer is to call us now.

    note: a key of the texts, of what was done or (`refused`) why not; None: nothing was.
    """

    record: Record
    zone: ZoneInfo
    wait: Foretold = Foretold()
    slots: Sequence[str] = ()
    can_move: bool = False
    can_now: bool = False
    note: str | None = None
    refused: bool = False
    to_call: ToCall | None = None


def phase_of(record: Record, to_call: ToCall | None = None) -> str:
    """The one word for where a callback stands that the texts go by."""
    progress = record.progress
    if to_call is not None and progress.state is State.ROUTING:
        return "callus"
    if progress.state is State.COMPLETED:
        if progress.reason in _SERVED:
            return "done"
        return "cancelled" if progress.reason in _CANCELLED else "missed"
    if progress.state is State.SCHEDULED:
        return "retry" if progress.dials else "scheduled"
    return {State.QUEUED: "waiting", State.ROUTING: "calling", State.PROCESSING: "talking"}[progress.state]


def page(seen: Seen, path: str, language: str, nonce: str) -> str:
    """The whole page; `path` is that of the link."""
    texts = LANGUAGES[language]
    phase = phase_of(seen.record, seen.to_call)
    query = f"?lang={language}"
    live = (
        f'<section id="live" class="card" aria-live="polite" data-phase="{phase}" '
        f'data-page="{path}{query}" data-look="{path}/live{query}">{now(seen, language)}</section>'
    )
    over = phase in {"done", "cancelled", "missed"}
    again = f'<noscript><nav><a href="{path}{query}">{escape(texts.refresh)}</a></nav></noscript>'
    parts = [_note(seen, texts), live, _actions(seen, texts, path + "/{}" + query), "" if over else again]
    script = "" if over else f'<script nonce="{nonce}">\n{_SCRIPT}</script>'
    return _whole("\n".join(parts), path, language, nonce, script)


def closed_page(language: str, nonce: str, *, away: bool) -> str:
    """The page of a link that opens nothing, or of a service that cannot look now; it repeats no link."""
    texts = LANGUAGES[language]
    head, body = (texts.away_head, texts.away) if away else (texts.over_head, texts.over)
    return _whole(_card(f"<h1>{escape(head)}</h1><p>{escape(body)}</p>"), "", language, nonce, "")


def now(seen: Seen, language: str) -> str:
    """The part of the page that is looked at again and again."""
    texts, phase = LANGUAGES[language], phase_of(seen.record, seen.to_call)
    parts = [_steps(phase, texts), f"<h1>{escape(texts.heads[phase])}</h1>"]
    if phase in {"scheduled", "retry"}:
        parts.append(_time(seen, texts))
    elif phase == "waiting":
        parts.append(_wait(seen.wait, texts))
    parts.append(f"<p>{escape(texts.bodies[phase])}</p>")
    if phase == "callus" and seen.to_call is not None:
        parts.append(_to_call(seen.to_call, texts))
    if phase in {"scheduled", "retry", "waiting"}:
        line = texts.number_again if phase == "retry" else texts.number
        parts.append(f'<p class="soft">{escape(line.format(number=masked(seen.record.number)))}</p>')
    return "".join(parts)


def _whole(body: str, path: str, language: str, nonce: str, script: str) -> str:
    texts = LANGUAGES[language]
    page = _PAGE.replace("{language}", language).replace("{title}", escape(texts.title))
    page = page.replace("{nonce}", nonce).replace("{languages}", _languages(path, language))
    return page.replace("{script}", script).replace("{body}", body)


def _card(inner: str) -> str:
    return f'<section class="card">{inner}</section>'


def _languages(path: str, current: str) -> str:
    links = []
    for code, texts in LANGUAGES.items():
        name = escape(texts.name)
        if code == current:
            links.append(f'<b lang="{code}" aria-current="true">{name}</b>')
        else:
            links.append(f'<a lang="{code}" hreflang="{code}" href="{path}?lang={code}">{name}</a>')
    return f'<nav aria-label="{escape(LANGUAGES[current].language)}">{" ".join(links)}</nav>'


def _note(seen: Seen, texts: Texts) -> str:
    if seen.note is None:
        return ""
    if seen.refused:
        text = texts.refused.get(seen.note, texts.refused[""])
        return f'<p class="note bad" role="alert">{escape(text)}</p>'
    text = texts.done.get(seen.note, "")
    return f'<p class="note" role="status">{escape(text)}</p>' if text else ""


def _steps(phase: str, texts: Texts) -> str:
    if phase not in _STEP_OF:
        return ""
    at = _STEP_OF[phase]
    items = []
    for number, name in enumerate(texts.steps):
        mark = ' aria-current="step"' if number == at else ' class="past"' if number < at else ""
        items.append(f"<li{mark}>{escape(name)}</li>")
    return f'<ol class="steps">{"".join(items)}</ol>'


def _time(seen: Seen, texts: Texts) -> str:
    progress, record = seen.record.progress, seen.record
    at = progress.due_at if record.desired_at is None or progress.dials else record.desired_at
    moment = datetime.fromtimestamp(at or progress.arrived_at, seen.zone)
    clock = escape(texts.at.format(time=f"{moment:%H:%M}"))
    zone = escape(texts.zone.format(zone=zone_name(seen.zone)))
    return (
        f'<div class="figure"><span class="label">{escape(texts.day(moment))}</span>'
        f'<b class="word">{clock}</b>'
        f'<span class="label">{zone}</span></div>'
    )


def _to_call(to_call: ToCall, texts: Texts) -> str:
    number = escape(to_call.number)
    link = f'<b class="word"><a href="tel:{number}">{number}</a></b>'
    code = f"<span>{escape(texts.code.format(code=to_call.code))}</span>" if to_call.code else ""
    return f'<div class="figure">{link}{code}</div>'


def _wait(wait: Foretold, texts: Texts) -> str:
    if wait.place is None:
        place = f"<span>{escape(texts.place_unknown)}</span>"
    elif wait.place == 1:
        place = f'<b class="word">{escape(texts.first)}</b>'
    else:
        place = f'<span class="label">{escape(texts.place)}</span><b>{wait.place}</b>'
    return f'<div class="figure">{place}<span>{escape(wait_text(wait, texts))}</span></div>'


def wait_text(wait: Foretold, texts: Texts) -> str:
    """How long it will take, in whole minutes rounded up; or that it is not known."""
    if wait.nobody:
        return texts.wait_nobody
    if wait.p50 is None:
        return texts.wait_unknown
    low = max(1, math.ceil(wait.p50 / 60))
    high = low if wait.p90 is None else max(low, math.ceil(wait.p90 / 60))
    if high > low:
        return texts.wait_range.format(low=low, high=high)
    return texts.wait_soon if low == 1 else texts.wait_about.format(low=low)


def _actions(seen: Seen, texts: Texts, path: str) -> str:
    if phase_of(seen.record, seen.to_call) not in {"callus", "scheduled", "retry", "waiting", "calling"}:
        return ""
    parts = []
    if seen.can_now:
        parts.append(
            f'<form method="post" action="{path.format("now")}"><button>{escape(texts.now)}</button>'
            f'<p class="soft">{escape(texts.now_hint)}</p></form>'
        )
    if seen.can_move:
        parts.append(f"<details><summary>{escape(texts.move)}</summary>{_move(seen, texts, path)}</details>")
    parts.append(
        f"<details><summary>{escape(texts.cancel)}</summary>"
        f'<form method="post" action="{path.format("cancel")}">'
        f'<p class="before">{escape(texts.cancel_ask)}</p>'
        f'<button class="plain">{escape(texts.cancel_do)}</button></form></details>'
    )
    return f'<div class="actions">{"".join(parts)}</div>'


def _move(seen: Seen, texts: Texts, path: str) -> str:
    if not seen.slots:
        return f"<p>{escape(texts.move_none)}</p>"
    groups = []
    moments = [(utc, datetime.fromisoformat(utc).astimezone(seen.zone)) for utc in seen.slots]
    for day, times in groupby(moments, key=lambda slot: texts.day(slot[1])):
        options = [f'<option value="{escape(utc)}">{at:%H:%M}</option>' for utc, at in times]
        groups.append(f'<optgroup label="{escape(day)}">{"".join(options)}</optgroup>')
    zone = escape(texts.zone.format(zone=zone_name(seen.zone)))
    return (
        f'<form method="post" action="{path.format("move")}"><label for="slot">{escape(texts.move_pick)}'
        f'</label><select id="slot" name="slot" required>{"".join(groups)}</select>'
        f'<button>{escape(texts.move_do)}</button><p class="soft">{zone}</p></form>'
    )


def zone_name(zone: ZoneInfo) -> str:
    """A zone as people know it: `Berlin` of `Europe/Berlin`."""
    return zone.key.rpartition("/")[2].replace("_", " ")
