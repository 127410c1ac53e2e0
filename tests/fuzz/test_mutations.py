"""Wrong messages by the thousand through every door of the signalling: no fault, no hang, no growth.

`make fuzz COUNT=1000000` spreads so many over the doors; by default it is a short run.
`RINGBACK_FUZZ_SEED` repeats another one. An input that breaks something is kept in var/fuzz.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

import pytest

from ringback.testing.hostile import DOORS, SEEDS, resident_mib
from ringback.testing.mutate import Mutator

PROJECT = Path(__file__).resolve().parents[2]
KEPT = PROJECT / "var/fuzz"
SUITES = Path(os.environ.get("RINGBACK_SUITES", PROJECT / "../shared/suites"))
COUNT = int(os.environ.get("RINGBACK_FUZZ", "4000")) // len(DOORS)
SEED = int(os.environ.get("RINGBACK_FUZZ_SEED", "1"))
HANG_S = 10.0
GROWTH_MIB = 32
WARM_UP = 2000


def seeds() -> tuple[bytes, ...]:
    """Our own messages, and the torture messages where they are."""
    found = [path.read_bytes() for folder in ("rfc4475", "rfc5118") for path in (SUITES / folder).glob("*")]
    return (*SEEDS, *(data for data in found if b"SIP/2.0" in data))


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise TimeoutError inside what takes longer."""

    def late(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"an input took longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.timeout(0)
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the memory is read from /proc")
@pytest.mark.parametrize("name", DOORS)
def test_no_message_breaks_a_door(name: str) -> None:
    door, mutator, data, base = DOORS[name], Mutator(seeds(), SEED), b"", 0.0
    with at_most(HANG_S):
        for number in range(COUNT):
            data = mutator.next()
            signal.setitimer(signal.ITIMER_REAL, HANG_S)
            try:
                door(data)
            except Exception:
                KEPT.mkdir(parents=True, exist_ok=True)
                (KEPT / f"{name}-{SEED}-{number}").write_bytes(data)
                raise
            if number == WARM_UP:
                base = resident_mib()
    if base:
        grown = resident_mib() - base
        assert grown < GROWTH_MIB, f"{grown:.1f} MiB more after {COUNT} messages"


@pytest.mark.timeout(0)
@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris has no wheel for this machine")
@pytest.mark.parametrize("name", DOORS)
def test_atheris_finds_nothing_either(name: str, tmp_path: Path) -> None:
    """Guided by coverage, in a process of its own; its own limits for time and memory."""
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number, data in enumerate(seeds()):
        (corpus / str(number)).write_bytes(data)
    KEPT.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, PROJECT / "tests/fuzz/with_atheris.py", name, f"-runs={max(200, COUNT // 10)}"]
    command += ["-max_len=4096", "-timeout=5", f"-seed={SEED}", f"-artifact_prefix={KEPT}/{name}-", corpus]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
