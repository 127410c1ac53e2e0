"""What is said of a server that could not start: the line of its log that tells why."""

import pytest

from ringback.runtime.embedded.server import telling_line

FULL = """
creating configuration files ... ok
running bootstrap script ... [7] FATAL:  could not write to file: No space left on device
child process exited with exit code 1
initdb: removing contents of data directory "/srv/data.new"
"""


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (FULL, "FATAL:  could not write to file: No space left on device"),
        ("starting\nready to accept\n", "ready to accept"),
        ("", ""),
        ("FATAL: of an earlier run\n" + "fine\n" * 30, "fine"),
    ],
)
def test_the_reason_is_chosen_not_what_was_said_after_it(log: str, said: str) -> None:
    assert telling_line(log).endswith(said)
