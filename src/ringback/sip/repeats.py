"""How a request that comes again is known before anything of it is read (RFC 3261 17.2.3). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ringback.sip.layer import Key, Transaction

_LOOKS_AT = 400


def mark_of(data: bytes) -> int:
    """A number that is the same for a request and for what its sender repeats of it; 0 where none is safe.

    It stands for the request line and the top Via: method, branch and sent-by. Nobody can find two requests
    with the same number, for Python seeds its hashes anew in each process.
    """
    start = data.find(b"\r\n", 0, _LOOKS_AT) + 2
    if data[start : start + 4] != b"Via:" or data[:4] == b"ACK ":
        return 0
    end = data.find(b"\r\n", start, start + _LOOKS_AT)
    branch = data.find(b"branch=z9hG4bK", start, max(end, start))
    return hash(data[:end]) if branch > 0 and data[branch + 14 : branch + 15].isalnum() else 0


class Repeats:
    """The requests that came over UDP and have a transaction, by what their repetitions begin with."""

    __slots__ = ("_keys", "mark")

    def __init__(self) -> None:
        self._keys: dict[int, Key] = {}
        self.mark = 0
        """Of the request that is being looked at; 0 for one that is not told by it."""

    def look_at(self, data: bytes) -> Key | None:
        """The key of what is repeated here, if it is."""
        self.mark = mark_of(data)
        return self._keys.get(self.mark)

    def begun(self, transaction: Transaction) -> None:
        """The request that is being looked at has this transaction."""
        if self.mark:
            transaction.mark, self.mark = self.mark, 0
            self._keys[transaction.mark] = transaction.key

    def ended(self, transaction: Transaction) -> None:
        """A transaction is gone."""
        if transaction.mark:
            self._keys.pop(transaction.mark, None)
