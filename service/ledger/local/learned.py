"""What the shared ledger answered to this process, for when the process must decide alone.

It is taken in with every reply and hardly ever read, so it is kept as it came: the book makes its
own of an entry when it is asked for it. Both kinds of memory are bounded, the oldest goes first.
"""

from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from service.ledger.answers import picked_from
from service.ledger.port import Operation, Pick, Take

MOST_REMEMBERED = 200_000  # calls, and callees

ValueT = TypeVar("ValueT")


class LearnedCall(NamedTuple):
    """A pick that was answered under a call, at an instant in ms; `answer` is as in `wire`."""

    body: str
    instant: int
    answer: Any


class Bounded(Generic[ValueT]):
    """A mapping that forgets the older half of what it holds when it is full."""

    def __init__(self, most: int) -> None:
        self._half = most // 2
        self._new: dict[str, ValueT] = {}
        self._old: dict[str, ValueT] = {}

    def __contains__(self, key: object) -> bool:
        return key in self._new or key in self._old

    def __setitem__(self, key: str, value: ValueT) -> None:
        if len(self._new) >= self._half:
            self._new, self._old = {}, self._new
        self._new[key] = value

    def pop(self, key: str) -> ValueT | None:
        """Take an entry out, None where there is none."""
        older = self._old.pop(key, None)
        return self._new.pop(key, older)


class Learned:
    """Calls and callees by their digests, records by their numbers."""

    def __init__(self) -> None:
        self._calls = Bounded[LearnedCall](MOST_REMEMBERED)
        self._callees = Bounded[tuple[Any, ...]](MOST_REMEMBERED)
        self._records: dict[bytes, bytes] = {}

    def note(
        self,
        operations: Sequence[Operation],
        answers: Sequence[Any],
        records: Sequence[bytes],
        now: int,
    ) -> None:
        """Take in a call that the shared ledger has answered at an instant."""
        if records:
            self._records.update(zip(records[::2], records[1::2], strict=True))
        for operation, answer in zip(operations, answers, strict=True):
            if isinstance(operation, (Pick, Take)) and (operation.call or operation.callee):
                self._note_pick(operation, answer, now)

    def _note_pick(self, asked: Pick | Take, answer: Any, now: int) -> None:
        if asked.dry_run or type(answer) is not str:
            picked = picked_from(answer)
            if asked.dry_run or not picked.uses or picked.is_repeated:
                return  # nothing was recorded
        if asked.call:
            self._calls[asked.call] = LearnedCall(asked.body, now, answer)
        if asked.callee:
            earlier = self._callees.pop(asked.callee) or ()
            self._callees[asked.callee] = (*earlier, now, asked.groups, answer)

    def call(self, digest: str) -> LearnedCall | None:
        """Take out what is known of a call."""
        return self._calls.pop(digest)

    def callee(self, digest: str) -> tuple[Any, ...]:
        """Take out the picks for a callee: instant, groups and answer of each, in order."""
        return self._callees.pop(digest) or ()

    def numbers(self) -> set[str]:
        """Return the numbers of which there are records."""
        return {number.decode() for number in self._records}

    def record(self, number: str) -> bytes | None:
        """Take out a number's record, where one has come since this was last asked."""
        return self._records.pop(number.encode(), None) if self._records else None
