"""Object storage: named objects of bytes, whole or not at all, in a folder, in S3 or in Azure Blob Storage.

The protocols are `obstore`'s. This module says where the store is, keeps the promise that an object whose
`put` returned survives a crash, turns every failure into one error, and knows whether the store is there.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import AzureStore, LocalStore, S3Store

from ringback.runtime.settings import SettingsError

if TYPE_CHECKING:
    from obstore.store import AzureConfig, ClientConfig, RetryConfig, S3Config

    from ringback.runtime.logs import Log

_KEY = re.compile(r"[A-Za-z0-9_+\-]+(\.[A-Za-z0-9]+)?(/[A-Za-z0-9_+\-]+(\.[A-Za-z0-9]+)?)*").fullmatch
_PROBE = ".ready-probe"  # no key can begin with a dot, so it meets none
_PROBE_AWAY_S = 1.0
_BACKOFF_S = (0.1, 1.0)
_RETRIES = 3
_REASONS = re.compile(r"<Code>(\w+)</Code>|\bstatus(?: code)?: (\d{3})|\bkind: (\w+)")
_NO_CONTAINER = ("NoSuchBucket", "ContainerNotFound")


class ObjectsUnavailable(ConnectionError):
    """The store did not do what it was asked to; the message holds no address, no key and no secret."""


@dataclass(frozen=True, slots=True)
class ObjectAccess:
    """Where a store is, and how it is reached; what is empty comes from the provider's own variables.

    `url` is `file:///folder`, `s3://bucket/prefix` or `az://container/prefix`. `access_key` is the id of an
    S3 key or the name of an Azure account. `timeout_s` is for one try, and for all of them to begin.
    """

    url: str
    endpoint: str = ""
    region: str = ""
    allow_http: bool = False
    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    timeout_s: float = 8.0


class ObjectStorage:
    """Objects of one store. Every operation raises ObjectsUnavailable when the store is away or refuses,
    and ValueError for a bad key."""

    def __init__(self, access: ObjectAccess, count: Callable[[], None] = lambda: None) -> None:
        """`count` is called for every operation. Raises SettingsError for settings that make no store."""
        self._store, self._folder = _open(access)
        self._count = count
        self.available = False

    async def put(self, key: str, data: bytes) -> None:
        """Store an object; when this returns it survives a crash."""
        self._begin(key)
        with self._watched(may_be_absent=False):
            await self._write(key, data)

    async def get(self, key: str) -> bytes | None:
        """An object, or None."""
        self._begin(key)
        with self._watched(may_be_absent=True):
            return await self._read(key)
        return None

    async def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        self._begin(key)
        with self._watched(may_be_absent=True):
            await obstore.delete_async(self._store, key)
            if self._folder is not None:
                await asyncio.to_thread(_sync, (self._folder / key).parent)

    async def watch(self, log: Log, every_s: float) -> None:
        """Keep `available` true to the facts, and say when it changes. Ends when cancelled."""
        known: bool | None = None
        while True:
            reason = await self.probe()
            if self.available is not known:
                known = self.available
                log.info("objects_available") if known else log.warning("objects_away", reason=reason)
            await asyncio.sleep(every_s if known else min(every_s, _PROBE_AWAY_S))

    async def probe(self) -> str:
        """Set `available`; return why it is not.

        While all is well an object of our own is looked at. After a failure it is written and read back:
        a full disk or a lost permission lets the look succeed and every message fail.
        """
        try:
            with self._watched(may_be_absent=True):
                if self.available:
                    await obstore.head_async(self._store, _PROBE)
                    return ""
            with self._watched(may_be_absent=False):
                await self._write(_PROBE, b"ready")
                await self._read(_PROBE)
        except ObjectsUnavailable as away:
            return str(away)
        self.available = True
        return ""

    def _begin(self, key: str) -> None:
        if not _KEY(key):
            raise ValueError("a key is made of names of letters, digits, -, + and _, with / between")
        self._count()

    async def _write(self, key: str, data: bytes) -> None:
        await obstore.put_async(self._store, key, data, use_multipart=False)
        if self._folder is not None:
            await asyncio.to_thread(_sync_object, self._folder, key)

    async def _read(self, key: str) -> bytes:
        found = await obstore.get_async(self._store, key)
        return bytes(await found.bytes_async())

    @contextlib.contextmanager
    def _watched(self, *, may_be_absent: bool) -> Iterator[None]:
        try:
            yield
        except (BaseError, OSError) as error:
            # The library's texts hold addresses, and S3's refusals the id of the key: neither goes on.
            text = str(error)
            absent = isinstance(error, FileNotFoundError) and not any(name in text for name in _NO_CONTAINER)
            if absent and may_be_absent:
                return
            self.available = False
            raise ObjectsUnavailable(_reason(error, text)) from None


def _reason(error: Exception, text: str) -> str:
    """Name a failure by its class, HTTP status and the provider's code alone."""
    found = [part for match in _REASONS.finditer(text) for part in match.groups() if part]
    return " ".join([type(error).__name__, *dict.fromkeys(found)])


def _open(access: ObjectAccess) -> tuple[LocalStore | S3Store | AzureStore, Path | None]:
    parts = urlsplit(access.url)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise SettingsError("storage_url: must hold a place alone, no user, query or fragment")
    if access.endpoint.startswith("http://") and not access.allow_http:
        raise SettingsError("storage_endpoint: is plain HTTP, which storage_allow_http does not allow")
    try:
        if parts.scheme == "file":
            return _open_folder(parts)
        if parts.scheme in ("s3", "az") and parts.netloc:
            return (_open_s3 if parts.scheme == "s3" else _open_azure)(access, parts), None
    except (BaseError, ValueError) as error:
        reason = _reason(error, "")
        raise SettingsError(f"storage_url: these settings make no {parts.scheme} store: {reason}") from None
    raise SettingsError("storage_url: must be file:///folder, s3://bucket/prefix or az://container/prefix")


def _open_folder(parts: SplitResult) -> tuple[LocalStore, Path]:
    folder = Path(unquote(parts.path))
    if parts.netloc or folder == Path("/") or not folder.is_absolute():
        raise SettingsError("storage_url: a folder is written file:///folder, with three slashes")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _sync(folder.parent)
    except OSError as error:
        raise SettingsError(f"storage_url: {folder} cannot be made: {error.strerror}") from None
    return LocalStore(folder), folder


def _open_s3(access: ObjectAccess, parts: SplitResult) -> S3Store:
    # Not every S3 has the bulk form of delete, which is the library's choice, and ours are single.
    config: S3Config = {"disable_bulk_delete": True}
    if access.endpoint:
        config["endpoint"] = access.endpoint
    if access.region:
        config["region"] = access.region
    if access.access_key:
        config["access_key_id"] = access.access_key
    if access.secret_key:
        config["secret_access_key"] = access.secret_key
    client, retry = _client(access), _retry(access)
    prefix = unquote(parts.path).strip("/") or None
    return S3Store(parts.netloc, prefix=prefix, config=config, client_options=client, retry_config=retry)


def _open_azure(access: ObjectAccess, parts: SplitResult) -> AzureStore:
    config: AzureConfig = {}
    if access.endpoint:
        config["endpoint"] = access.endpoint
    if access.access_key:
        config["account_name"] = access.access_key
    if access.secret_key:
        config["account_key"] = access.secret_key
    client, retry = _client(access), _retry(access)
    prefix = unquote(parts.path).strip("/") or None
    return AzureStore(parts.netloc, prefix=prefix, config=config, client_options=client, retry_config=retry)


def _client(access: ObjectAccess) -> ClientConfig:
    limit = timedelta(seconds=access.timeout_s)
    return {"allow_http": access.allow_http, "timeout": limit, "connect_timeout": limit / 2}


def _retry(access: ObjectAccess) -> RetryConfig:
    first, longest = (timedelta(seconds=seconds) for seconds in _BACKOFF_S)
    return {
        "max_retries": _RETRIES,
        "retry_timeout": timedelta(seconds=access.timeout_s),
        "backoff": {"init_backoff": first, "max_backoff": longest, "base": 2},
    }


def _sync_object(folder: Path, key: str) -> None:
    """Put a file and every folder above it on the disk: the library moves it into place and syncs nothing."""
    path = folder / key
    _sync(path)
    while path != folder:
        path = path.parent
        _sync(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
