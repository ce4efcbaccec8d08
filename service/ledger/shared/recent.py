"""The last answers of Redis, for a server that turns out not to have them any more.

A failover may promote a replica that lacks the last writes, and a wiped Redis lacks all. Each call
says which one the server must have applied before it, and a server that has not applies nothing:
it tells the last one that it has, and what came after is sent again once.
"""

from bisect import bisect
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from service.ledger.answers import picked_from
from service.ledger.port import Operation, Pick, Record, Return, Review, Take, Undo

KEPT_MS = 30_000
MOST_KEPT = 200_000  # operations: 20 s of 10,000 picks a second
MOST_FORGOTTEN = 256  # at once: after a pause there are 30 s to let go of


class Applied(Struct, frozen=True, gc=False):
    """An operation that was answered: the number and the instant in ms of its call, its answer."""

    number: int
    instant: int
    operation: Operation
    answer: Any


class Recent:
    """The operations of the last 30 s before the latest of them, in order."""

    def __init__(self) -> None:
        self._applied: deque[Applied] = deque()

    @property
    def last(self) -> int:
        """The number of the last call that can be sent again, 0 where there is none."""
        return self._applied[-1].number if self._applied else 0

    def note(self, call: Iterable[Applied]) -> None:
        """Remember a call, and forget what is too old or too much."""
        applied = self._applied
        applied.extend(call)
        for _ in range(min(len(applied), MOST_FORGOTTEN)):
            if applied[0].instant >= applied[-1].instant - KEPT_MS and len(applied) <= MOST_KEPT:
                break
            applied.popleft()

    def note_late(self, call: Iterable[Applied]) -> None:
        """Remember a call of which it was found out only now that it was applied."""
        for one in call:
            self._applied.insert(self._place_after(one.number), one)

    def forget(self) -> None:
        """Remember nothing."""
        self._applied.clear()

    def missing_after(self, number: int) -> list[Applied]:
        """Return what a server lacks after the call of this number, in its order.

        It is forgotten here: what `again` makes of it will come back under the numbers of new
        calls. What the server has may still be missing on the next one.
        """
        first = self._place_after(number)
        lacking = [self._applied.pop() for _ in range(len(self._applied) - first)]
        return lacking[::-1]

    def _place_after(self, number: int) -> int:
        return bisect(self._applied, number, key=lambda one: one.number)


def applied_in(
    number: int, instant: int, operations: Sequence[Operation], answers: Sequence[Any]
) -> Iterator[Applied]:
    """Return the operations of a call, each with its answer."""
    return map(Applied, repeat(number), repeat(instant), operations, answers)


def again(applied: Applied) -> Operation | None:
    """Return what has the effect of an operation on a server that has not applied it, if any."""
    operation = applied.operation
    if is_done_again(operation):
        return None
    match operation:
        case Pick() | Take():
            picked = picked_from(applied.answer)
            if not picked.is_counted:
                return None
            return Record.of(operation, picked.uses, applied.instant, applied=applied.instant)
        case Record() | Undo():
            return replace(operation, applied=applied.instant)
        case _:
            return operation


def is_done_again(operation: Operation) -> bool:
    """Return whether nobody has to know if this was applied: it comes again, or has no effect."""
    return operation.is_dry or isinstance(operation, (Return, Review))
