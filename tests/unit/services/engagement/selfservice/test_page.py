"""What customers read: complete in each language, true about what is not known, and harmless."""

import string
from dataclasses import fields
from datetime import datetime
from html.parser import HTMLParser
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from ringback.domain.callbacks import Progress, Reason, State
from ringback.services.engagement.records import Details, Record
from ringback.services.engagement.selfservice.languages import LANGUAGES
from ringback.services.engagement.selfservice.page import (
    Foretold,
    Seen,
    ToCall,
    now,
    page,
    phase_of,
    wait_text,
)
from ringback.services.engagement.selfservice.texts import language_for

UTC = ZoneInfo("UTC")
EN = LANGUAGES["en"]


def record(state: State, **more: Any) -> Record:
    progress = Progress(
        state,
        arrived_at=1_800_000_000.0,
        expires_at=1_800_086_400.0,
        due_at=1_800_000_000.0 if state is State.SCHEDULED else None,
        **more,
    )
    return Record(
        id=uuid4(),
        tenant="demo",
        service="sales",
        number="+12025550123",
        created_at=0.0,
        updated_at=0.0,
        desired_at=None,
        priority=0,
        details=Details(user_data={"secret": "planted"}),
        progress=progress,
    )


PHASES = {
    "scheduled": record(State.SCHEDULED),
    "retry": record(State.SCHEDULED, dials=1),
    "waiting": record(State.QUEUED),
    "calling": record(State.ROUTING),
    "talking": record(State.PROCESSING),
    "done": record(State.COMPLETED, reason=Reason.AGENT_CONNECTED),
    "cancelled": record(State.COMPLETED, reason=Reason.CANCELLED),
    "missed": record(State.COMPLETED, reason=Reason.FAIL_CALL_TO_CUSTOMER),
}


class Checker(HTMLParser):
    """Every element that is opened is closed, in order."""

    VOID = frozenset({"meta", "br", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.forms: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "form":
            self.forms.append(dict(attrs))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_is_whole_in_every_phase_and_language(phase: str, language: str) -> None:
    found = PHASES[phase]
    assert phase_of(found) == phase
    slots = ["2027-01-15T09:00:00.000Z", "2027-01-16T09:30:00.000Z"]
    seen = Seen(found, UTC, Foretold(3, 120.0, 400.0), slots, can_move=True, can_now=True)
    text = page(seen, "/c/LINK", language, "NONCE")
    checker = Checker()
    checker.feed(text)
    assert not checker.open
    assert LANGUAGES[language].heads[phase] in text
    assert "202555" not in text
    assert "planted" not in text
    assert "{" not in text.partition("<body>")[2].partition("<script")[0], "nothing is left to be put in"
    over = phase in {"done", "cancelled", "missed"}
    assert ("<script" in text) is not over
    assert [form["method"] for form in checker.forms] == ["post"] * len(checker.forms)
    assert bool(checker.forms) is (phase in {"scheduled", "retry", "waiting", "calling"})


@pytest.mark.parametrize("language", [name for name in LANGUAGES if name != "en"])
def test_every_language_says_the_same_things(language: str) -> None:
    def holes(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    other = LANGUAGES[language]
    for field in fields(EN):
        mine, theirs = getattr(EN, field.name), getattr(other, field.name)
        if isinstance(mine, dict):
            assert mine.keys() == theirs.keys(), field.name
        elif isinstance(mine, str):
            assert holes(mine) == holes(theirs), field.name
        assert theirs, field.name


def test_days_are_written_as_they_are_read() -> None:
    at = datetime(2027, 1, 1)
    assert [texts.day(at) for texts in LANGUAGES.values()] == [
        "Friday, 1 January",
        "Freitag, 1. Januar",
        "vendredi 1er janvier",
        "viernes, 1 de enero",
    ]


@pytest.mark.parametrize(
    ("wait", "text"),
    [
        (Foretold(3, 130.0, 610.0), "Probably 3 to 11 minutes from now."),
        (Foretold(3, 130.0, 170.0), "In about 3 minutes."),
        (Foretold(1, 20.0, 55.0), "In about a minute, or less."),
        (Foretold(3), EN.wait_unknown),
        (Foretold(3, nobody=True), EN.wait_nobody),
    ],
)
def test_a_wait_is_told_as_a_range_or_as_not_known(wait: Foretold, text: str) -> None:
    assert wait_text(wait, EN) == text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_customer_who_is_to_call_sees_number_and_code(language: str) -> None:
    seen = Seen(PHASES["calling"], UTC, to_call=ToCall("+12025550111", "482913"))
    text = page(seen, "/c/LINK", language, "NONCE")
    assert LANGUAGES[language].heads["callus"] in text
    assert '<a href="tel:+12025550111">' in text
    assert "482913" in text
    assert LANGUAGES[language].heads["calling"] not in text


def test_a_place_that_is_not_known_is_not_made_up() -> None:
    text = now(Seen(PHASES["waiting"], UTC), "en")
    assert EN.place_unknown in text
    assert EN.wait_unknown in text


@pytest.mark.parametrize(
    ("asked", "accepts", "own", "language"),
    [
        ("", "de-AT,de;q=0.9,en;q=0.5", "en-US", "de"),
        ("fr", "de", "en-US", "fr"),
        ("xx", "", "es-MX", "es"),
        ("", "it,pt;q=0.9", "fr-FR", "fr"),
        ("", "en;q=0.1, es", "de", "es"),
        ("", "de;q=0, *", "it", "en"),
        ("", "\n;;q=zz,,", "", "en"),
        ("../../etc", "x" * 10_000, "--", "en"),
    ],
)
def test_the_language_is_what_was_asked_for_then_the_browsers_then_the_callbacks(
    asked: str, accepts: str, own: str, language: str
) -> None:
    assert language_for(asked, accepts, own, LANGUAGES) == language
