"""Object storage for recordings: named objects of bytes, whole or not at all, in a folder."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
from pathlib import Path
from typing import Protocol

_KEY = re.compile(r"[A-Za-z0-9_\-]+(\.[A-Za-z0-9]+)?(/[A-Za-z0-9_\-]+(\.[A-Za-z0-9]+)?)*").fullmatch


class ObjectStorage(Protocol):
    """What the service needs of a place to keep objects."""

    async def put(self, key: str, data: bytes) -> None:
        """Store an object; when this returns it survives a crash."""
        ...

    async def get(self, key: str) -> bytes | None:
        """An object, or None."""
        ...

    async def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        ...


class DirectoryStorage:
    """Objects as files below one folder, written beside and moved into place."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, key: str, data: bytes) -> None:
        """Store an object. Raises ValueError for a bad key, OSError when the disk refuses."""
        await asyncio.to_thread(_write, self._path(key), data)

    async def get(self, key: str) -> bytes | None:
        """An object, or None. Raises ValueError for a bad key."""
        try:
            return await asyncio.to_thread(self._path(key).read_bytes)
        except FileNotFoundError:
            return None

    async def delete(self, key: str) -> None:
        """Remove an object. Raises ValueError for a bad key."""
        with contextlib.suppress(FileNotFoundError):
            await asyncio.to_thread(self._path(key).unlink)

    def _path(self, key: str) -> Path:
        if not _KEY(key):
            raise ValueError("a key is made of names of letters, digits, - and _, with / between")
        return self._root / key


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
