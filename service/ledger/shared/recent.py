"""The last answers of Redis, for a server that turns out not to have them any more.

A failover may promote a replica that lacks the last writes, and a wiped Redis lacks all. Each call
says which one the server must have applied before it, and a server that has not applies nothing:
it tells the last one that it has, and what came after is sent again once.
"""

from bisect import bisect
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from service.ledger.answers import picked_from
from service.ledger.port import Operation, Pick, Record, Return, Review, Take, Undo

KEPT_MS = 30_000
MOST_KEPT = 200_000  # operations: 20 s of 10,000 picks a second


class Applied(NamedTuple):
    """A call that was answered: its number, its instant in ms, an answer for each."""

    number: int
    instant: int
    operations: Sequence[Operation]
    answers: Sequence[Any]


class Recent:
    """The calls of the last 30 s before the latest of them."""

    def __init__(self) -> None:
        self._calls: deque[Applied] = deque()
        self._size = 0

    @property
    def last(self) -> int:
        """The number of the last call that can be sent again, 0 where there is none."""
        return self._calls[-1].number if self._calls else 0

    def note(self, call: Applied) -> None:
        """Remember a call, and forget those that are too old or too many."""
        self._calls.append(call)
        self._size += len(call.operations)
        while self._calls[0].instant < call.instant - KEPT_MS or self._size > MOST_KEPT:
            self._size -= len(self._calls.popleft().operations)

    def note_late(self, call: Applied) -> None:
        """Remember a call of which it was found out only now that it was applied."""
        place = bisect(self._calls, call.number, key=lambda each: each.number)
        self._calls.insert(place, call)
        self._size += len(call.operations)

    def forget(self) -> None:
        """Remember nothing."""
        self._calls.clear()
        self._size = 0

    def missing_after(self, number: int) -> list[Applied]:
        """Return the calls that a server lacks after this one, in their order.

        They are forgotten here: what `again` makes of them will come back under the numbers of new
        calls. What the server has may still be missing on the next one.
        """
        first = bisect(self._calls, number, key=lambda call: call.number)
        lacking = [self._calls.pop() for _ in range(len(self._calls) - first)]
        self._size -= sum(len(call.operations) for call in lacking)
        return lacking[::-1]


def again(call: Applied) -> Iterator[Operation]:
    """Yield operations that have a call's effect on a server that has not applied it."""
    for operation, answer in zip(call.operations, call.answers, strict=True):
        if is_done_again(operation):
            continue
        match operation:
            case Pick() | Take():
                picked = picked_from(answer)
                if picked.is_counted:
                    yield Record.of(operation, picked.uses, call.instant, applied=call.instant)
            case Record() | Undo():
                yield replace(operation, applied=call.instant)
            case _:
                yield operation


def is_done_again(operation: Operation) -> bool:
    """Return whether nobody has to know if this was applied: it comes again, or has no effect."""
    return operation.is_dry or isinstance(operation, (Return, Review))
