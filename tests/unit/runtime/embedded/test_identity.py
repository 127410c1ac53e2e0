"""Who may enter which folder."""

import tempfile
from pathlib import Path

import pytest

from ringback.runtime.embedded.identity import Identity, can_enter, own

STRANGER = Identity("user:64999:64999", 64999, 64999)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose parents up to the temporary folder are open to all."""
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    for path in (inner, *inner.parents):
        if path == Path(tempfile.gettempdir()):
            break
        path.chmod(0o755)
    return inner


def test_a_stranger_enters_where_all_may(folder: Path) -> None:
    assert can_enter(STRANGER, folder)


def test_a_stranger_does_not_enter_below_a_closed_folder(folder: Path) -> None:
    folder.parent.chmod(0o700)
    assert not can_enter(STRANGER, folder)
    assert can_enter(own(), folder)


def test_a_folder_that_cannot_be_read_is_not_entered(folder: Path) -> None:
    folder.chmod(0o711)
    assert not can_enter(STRANGER, folder)
