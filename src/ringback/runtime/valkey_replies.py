"""Who waits for replies of Valkey, and what is raised in place of one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import hiredis

_log = logging.getLogger(__name__)


class ValkeyUnavailable(Exception):
    """No answer: the server is away, or the connection broke while the command was in flight."""


class ValkeyError(Exception):
    """The server answered with an error; the message is its own."""


class Alone:
    """One command where a list of replies is wanted."""

    __slots__ = ("future",)

    def __init__(self, future: asyncio.Future[list[Any]]) -> None:
        self.future = future

    def done(self) -> bool:
        return self.future.done()

    def set_result(self, reply: Any) -> None:
        self.future.set_result([reply])

    def set_exception(self, error: Exception) -> None:
        self.future.set_exception(error)


class Told:
    """Somebody who is called with the reply, or with the error in its place, as soon as it is there."""

    __slots__ = ("_then",)

    def __init__(self, then: Callable[[Any], None]) -> None:
        self._then = then

    def done(self) -> bool:
        return False

    def set_result(self, reply: Any) -> None:
        try:
            self._then(reply)
        except Exception:  # the replies behind this one are others'
            _log.exception("a reply could not be taken")

    def set_exception(self, error: Exception) -> None:
        self.set_result(error)


class Transaction:
    """Commands between MULTI and EXEC; the future is done when the last reply, which has all, is there."""

    __slots__ = ("_error", "future", "left")

    def __init__(self, future: asyncio.Future[list[Any]], size: int) -> None:
        self.future = future
        self.left = size  # replies that have not come
        self._error: ValkeyError | None = None

    def done(self) -> bool:
        return self.future.done()

    def set_result(self, reply: Any) -> None:
        self.left -= 1
        if self.left:
            return
        refused = (ValkeyError(str(each)) for each in reply or () if isinstance(each, hiredis.ReplyError))
        if error := self._error or next(refused, None):
            self.future.set_exception(error)
        else:
            self.future.set_result(reply)

    def set_exception(self, error: Exception) -> None:
        if isinstance(error, ValkeyError):
            self._error = self._error or error
            self.set_result(None)
        else:
            self.future.set_exception(error)


Waiter = asyncio.Future[Any] | Alone | Told | Transaction
