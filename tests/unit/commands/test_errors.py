"""What errors of the operating system say to people."""

import errno

from ringback.commands.errors import said


def test_an_address_in_use_says_what_to_do_and_no_number() -> None:
    text = "error while attempting to bind on address ('127.0.0.1', 9101): address already in use"
    assert said(OSError(errno.EADDRINUSE, text)) == (
        f"{text}: stop the other program, or move ours (docs/reference/ports.md)."
    )


def test_a_file_comes_before_what_is_wrong_with_it() -> None:
    assert said(PermissionError(errno.EACCES, "Permission denied", "/srv/x")) == "/srv/x: permission denied."


def test_what_has_no_number_is_said_as_it_is() -> None:
    assert said(TimeoutError("no answer within 5 s")) == "no answer within 5 s"
