"""What the shared ledger answered to this process, for when the process must decide alone.

It comes with every reply and is hardly ever read. So replies are only put aside, some are taken in
together, and what is taken in stays as it came: the book makes its own of an entry when it is asked
for it. Both kinds of memory are bounded, the oldest goes first.
"""

from collections.abc import Sequence
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

from service.ledger.answers import picked_from
from service.ledger.port import Operation, Outcome, Pick, Take

MOST_REMEMBERED = 200_000  # calls, and callees
ASIDE = 16  # replies
PICKS_OF_A_CALLEE = 64  # the last ones: no sane budget is greater

SHARDS = 64  # a large dict takes longer to grow, or to let go of, than a pick can wait

ValueT = TypeVar("ValueT")

_Call: TypeAlias = tuple[Sequence[Any], Sequence[Any], int]


class LearnedPick(msgspec.Struct, frozen=True, gc=False):
    """A pick as it was answered: the digest of its body or its groups, its instant, its answer.

    `earlier` is that before it for the same callee, `count` how many they are.
    """

    digest: str
    instant: int
    answer: Any  # as in `wire`
    earlier: "LearnedPick | None" = None
    count: int = 1


class Bounded(Generic[ValueT]):
    """A mapping in shards, each of which forgets its older half when it is full."""

    def __init__(self, most: int) -> None:
        self._half = most // (2 * SHARDS)
        self._new = [dict[str, ValueT]() for _ in range(SHARDS)]
        self._old = [dict[str, ValueT]() for _ in range(SHARDS)]

    def get(self, key: str) -> ValueT | None:
        """Return an entry, None where there is none."""
        at = hash(key) % SHARDS
        return self._new[at].get(key) or self._old[at].get(key)

    def __setitem__(self, key: str, value: ValueT) -> None:
        at = hash(key) % SHARDS
        if len(self._new[at]) >= self._half:
            self._old[at], self._new[at] = self._new[at], {}
        self._new[at][key] = value

    def pop(self, key: str) -> ValueT | None:
        """Take an entry out, None where there is none."""
        at = hash(key) % SHARDS
        older = self._old[at].pop(key, None)
        return self._new[at].pop(key, older)


class Learned:
    """Calls and callees by their digests; no entry is a concern of the garbage collector."""

    def __init__(self) -> None:
        self._calls = Bounded[LearnedPick](MOST_REMEMBERED)
        self._callees = Bounded[LearnedPick](MOST_REMEMBERED)
        self._aside: list[_Call] = []

    def note(self, operations: Sequence[Operation], answers: Sequence[Any], now: int) -> None:
        """Put a call aside that the shared ledger has answered at an instant in ms."""
        self._aside.append((operations, answers, now))
        if len(self._aside) >= ASIDE:
            self._take_in()

    def call(self, digest: str) -> LearnedPick | None:
        """Take out what is known of a call."""
        self._take_in()
        return self._calls.pop(digest)

    def callee(self, digest: str) -> list[LearnedPick]:
        """Take out the picks for a callee, in order."""
        self._take_in()
        return _in_order(self._callees.pop(digest))

    def _take_in(self) -> None:
        aside, self._aside = self._aside, []
        calls, callees = self._calls, self._callees
        for operations, answers, now in aside:
            for asked, answer in zip(operations, answers, strict=True):
                # As most: of a Pick or a Take, which shows one number.
                if type(answer) is str and type(asked) is not Outcome:
                    if asked.dry_run:
                        continue
                elif not self._is_counted(asked, answer, now):
                    continue
                if call := asked.call:
                    calls[call] = LearnedPick(asked.body, now, answer)
                if callee := asked.callee:
                    callees[callee] = _after(callees.get(callee), asked.groups, now, answer)

    def _is_counted(self, asked: Operation, answer: Any, now: int) -> bool:
        """Return whether this is a pick that was counted now; keep a repetition's answer."""
        if not isinstance(asked, (Pick, Take)) or asked.dry_run:
            return False
        picked = picked_from(answer)
        if picked.is_repeated and not self._calls.get(asked.call):  # another process's, maybe
            self._calls[asked.call] = LearnedPick(asked.body, now, answer)
        return picked.is_counted


def _after(earlier: LearnedPick | None, groups: str, instant: int, answer: Any) -> LearnedPick:
    """Return a pick for a callee behind those before it, of which only so many are kept."""
    if earlier is None:
        return LearnedPick(groups, instant, answer)
    if earlier.count >= 2 * PICKS_OF_A_CALLEE:
        kept, earlier = _in_order(earlier)[-PICKS_OF_A_CALLEE:], None
        for one in kept:
            earlier = _after(earlier, one.digest, one.instant, one.answer)
    return LearnedPick(groups, instant, answer, earlier, earlier.count + 1 if earlier else 1)


def _in_order(last: LearnedPick | None) -> list[LearnedPick]:
    picks = []
    while last is not None:
        picks.append(last)
        last = last.earlier
    return picks[::-1]
