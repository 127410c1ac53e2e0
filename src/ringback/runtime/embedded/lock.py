"""One server a folder, proven by a file lock that the server itself holds."""

import asyncio
import contextlib
import fcntl
import os
import time
from pathlib import Path

from ringback.runtime.embedded.errors import EmbeddedError


class FolderLock:
    """An exclusive `flock` on `<folder>/lock`.

    The lock belongs to the open file, so a child that inherits `fd` keeps it: whoever gets the lock knows
    that no process of an earlier server is left, also after kill -9, and may clear its stale files.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd

    @classmethod
    async def take(cls, folder: Path, wait: float = 5.0) -> "FolderLock":
        """Take the lock, waiting up to `wait` seconds for a dying server.

        Raises `EmbeddedError` when another platform uses the folder.
        """
        fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + wait
        while not _try_lock(fd):
            if time.monotonic() >= deadline:
                holder = os.pread(fd, 32, 0).decode(errors="replace").strip()
                os.close(fd)
                raise EmbeddedError(_in_use(folder, holder))
            await asyncio.sleep(0.02)
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        return cls(fd)

    def close(self) -> None:
        """Close our copy; the lock lives on in the server that inherited it, if any."""
        with contextlib.suppress(OSError):
            os.close(self.fd)


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _in_use(folder: Path, holder: str) -> str:
    who = f" (process {holder})" if holder.isdigit() else ""
    return (
        f"{folder} is in use by another platform{who}: stop that one, or choose another folder with --data."
    )
