"""The timers of all transactions of an endpoint, so that the loop has to watch one moment only."""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING

from ringback.sip.transactions import Input

if TYPE_CHECKING:
    from ringback.sip.layer import Transaction

# Timers that send something keep their time. The others, seconds long, end together a moment later: one
# turn of the loop then forgets what a quarter of a second has left, and starting one is an append.
_PRECISE = frozenset({Input.TIMER_A, Input.TIMER_E, Input.TIMER_G, Input.TIMER_2XX, Input.TIMER_100})
_PER_S = 4


class TimerQueue:
    """What is to fire when. A timer that its machine has stopped or started anew since is passed over."""

    __slots__ = ("_buckets", "_moments", "_order", "_precise", "sooner")

    def __init__(self) -> None:
        self._precise: list[tuple[float, int, Transaction, Input]] = []
        self._order = 0
        # No object for each: what is noted here for half a minute the collector would have to walk.
        self._buckets: dict[int, dict[Input, list[Transaction]]] = {}
        self._moments: list[int] = []
        """The keys of the buckets, as a heap."""
        self.sooner = False
        """Something was started before all others since `next` was asked."""

    def __len__(self) -> int:
        """Timers that were started and not looked at since, those stopped meanwhile among them."""
        long = (transactions for bucket in self._buckets.values() for transactions in bucket.values())
        return len(self._precise) + sum(map(len, long))

    def clear(self) -> None:
        """There are no transactions any more."""
        self._precise.clear()
        self._buckets.clear()
        self._moments.clear()

    def start(self, transaction: Transaction, timer: Input, due: float) -> None:
        """Take note of a timer that runs in the transaction's machine."""
        if timer in _PRECISE:
            self._order += 1
            entry = (due, self._order, transaction, timer)
            heapq.heappush(self._precise, entry)
            if self._precise[0] is entry:
                self.sooner = True
            return
        moment = math.ceil(due * _PER_S)
        bucket = self._buckets.get(moment)
        if bucket is None:
            bucket = self._buckets[moment] = {}
            heapq.heappush(self._moments, moment)
            if self._moments[0] == moment:
                self.sooner = True
        transactions = bucket.get(timer)
        if transactions is None:
            bucket[timer] = [transaction]
        else:
            transactions.append(transaction)

    def next(self) -> float | None:
        """When `due` is to be asked next; None if nothing runs."""
        self.sooner = False
        heap = self._precise
        while heap and heap[0][2].machine.timers.get(heap[0][3]) != heap[0][0]:
            heapq.heappop(heap)
        if not self._moments:
            return heap[0][0] if heap else None
        moment = self._moments[0] / _PER_S
        return heap[0][0] if heap and heap[0][0] < moment else moment

    def due(self, now: float) -> list[tuple[float, Transaction, Input]]:
        """What may fire now, in order: when it was to fire, whose it is. Ask until there is nothing left."""
        found: list[tuple[float, Transaction, Input]] = []
        while self._precise and self._precise[0][0] <= now:
            at, _, transaction, timer = heapq.heappop(self._precise)
            found.append((at, transaction, timer))
        while self._moments and self._moments[0] / _PER_S <= now:
            for timer, transactions in self._buckets.pop(heapq.heappop(self._moments)).items():
                for transaction in transactions:
                    when = transaction.machine.timers.get(timer)
                    if when is not None and when <= now:
                        found.append((when, transaction, timer))
        found.sort(key=_moment)
        return found


def _moment(entry: tuple[float, Transaction, Input]) -> float:
    return entry[0]
