"""Files that people name: text in UTF-8, with or without a byte order mark."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class TextError(Exception):
    """The file holds no text in UTF-8; the message names it."""


@contextmanager
def utf8(path: Path) -> Iterator[None]:
    """Name the file if what is read from it inside turns out to be no UTF-8. Raises TextError."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise TextError(f"{path}: no text in UTF-8 (byte {error.start}): save it as UTF-8.") from None


def read_text(path: Path) -> str:
    """The whole text. Raises TextError, OSError."""
    with utf8(path):
        return path.read_text("utf-8-sig")
