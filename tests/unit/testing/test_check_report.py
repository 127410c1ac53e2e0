import pytest
from rich.console import Console

from ringback.testing.check_report import CheckFailed, Steps, expect
from ringback.testing.check_world import until


def steps(console: Console | None = None) -> Steps:
    ticks = iter(range(1000))
    return Steps(console, clock=lambda: float(next(ticks)))


def test_each_step_is_kept_with_its_journey_and_its_milliseconds() -> None:
    seen = steps()
    seen.journey("A call")
    with seen.step("it rings"):
        pass
    report = seen.report()
    assert report.ok
    assert [(step.journey, step.step, step.ms) for step in report.steps] == [("A call", "it rings", 1000.0)]


def test_a_step_that_fails_says_why_and_ends_the_check() -> None:
    seen = steps()
    with pytest.raises(CheckFailed, match="it rings: saw silence"), seen.step("it rings"):
        expect(False, "silence")
    report = seen.report()
    assert not report.ok
    assert (report.steps[0].ok, report.steps[0].detail) == (False, "saw silence")


def test_a_timeout_without_words_is_told_by_its_name() -> None:
    seen = steps()
    with pytest.raises(CheckFailed, match="TimeoutError"), seen.step("it rings"):
        raise TimeoutError


def test_a_check_without_steps_is_not_well() -> None:
    assert not steps().report().ok


def test_steps_are_printed_as_they_pass() -> None:
    console = Console(width=120, force_terminal=False)
    with console.capture() as text:
        seen = steps(console)
        seen.journey("A call")
        with seen.step("it rings"):
            pass
        with pytest.raises(CheckFailed), seen.step("it is answered"):
            raise ValueError("[red]nobody[/red]")
    printed = text.get()
    assert "✓   1,000.0 ms  it rings" in printed
    assert "✗   1,000.0 ms  it is answered" in printed
    assert "[red]nobody[/red]" in printed


async def test_until_returns_what_was_awaited_and_tells_what_it_saw_last() -> None:
    numbers = iter(range(100))

    async def look() -> int:
        return next(numbers)

    assert await until(look, lambda seen: seen == 3, 5.0) == 3
    with pytest.raises(CheckFailed, match="after 0 s"):
        await until(look, lambda seen: False, 0.0)
