"""The last answers of Redis, for a server that turns out not to have applied them.

A failover may promote a replica that lacks the last writes. It remembers the last call of this
process that it has applied, so what came after can be told, and sent again once.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from service.ledger.port import (
    Describe,
    Operation,
    Pick,
    Record,
    Return,
    Review,
    Take,
)
from service.ledger.shared.wire import picked_from

KEPT_MS = 10_000
MOST_KEPT = 50_000  # operations


class Applied(NamedTuple):
    """A call that was answered: its number, its instant in ms, an answer for each."""

    number: int
    instant: int
    operations: Sequence[Operation]
    answers: Sequence[Any]


class Recent:
    """The calls of the last ten seconds before the latest of them."""

    def __init__(self) -> None:
        self._calls: deque[Applied] = deque()
        self._size = 0

    def __bool__(self) -> bool:
        return bool(self._calls)

    def note(self, call: Applied) -> None:
        """Remember a call, and forget those that are too old or too many."""
        self._calls.append(call)
        self._size += len(call.operations)
        while self._calls[0].instant < call.instant - KEPT_MS or self._size > MOST_KEPT:
            self._size -= len(self._calls.popleft().operations)

    def note_late(self, call: Applied) -> None:
        """Remember a call of which it was found out only now that it was applied."""
        later = []
        while self._calls and self._calls[-1].number > call.number:
            later.append(self._calls.pop())
        self._calls.append(call)
        self._size += len(call.operations)
        self._calls.extend(reversed(later))

    def forget(self) -> None:
        """Remember nothing."""
        self._calls.clear()
        self._size = 0

    def missing_after(self, number: int) -> list[Operation]:
        """Return the operations that a server lacks after this call, in their order.

        It is forgotten here: it will come back under the numbers of new calls. What the server has
        may still be missing on the next one.
        """
        lacking: list[Applied] = []
        while self._calls and self._calls[-1].number > number:
            call = self._calls.pop()
            self._size -= len(call.operations)
            lacking.append(call)
        return [operation for call in reversed(lacking) for operation in _again(call)]


def _again(call: Applied) -> Iterator[Operation]:
    """Yield operations that have a call's effect on a server that has not applied it."""
    for operation, answer in zip(call.operations, call.answers, strict=True):
        match operation:
            case Pick() | Take():
                uses = picked_from(answer).uses
                if uses and not operation.dry_run:
                    yield _shown(operation, uses, call.instant)
            case Return() | Review() | Describe():
                pass  # done again anyway, or of no effect
            case _:
                yield operation


def _shown(asked: Pick | Take, uses: tuple[tuple[str, str], ...], instant: int) -> Record:
    return Record(
        uses, instant, asked.callee, asked.groups, asked.call, asked.body, unless_known=True
    )
