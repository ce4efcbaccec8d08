"""What the shared ledger answered to this process, for when the process must decide alone.

It comes with every reply and is hardly ever read. So replies are only put aside, some are taken in
together, and what is taken in stays as it came: the book makes its own of an entry when it is asked
for it. Both kinds of memory are bounded, the oldest goes first.
"""

from collections.abc import Sequence
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

from service.ledger.answers import picked_from
from service.ledger.local.shards import Shards
from service.ledger.port import Operation, Outcome, Pick, Take

MOST_REMEMBERED = 200_000  # calls, and callees
ASIDE = 16  # replies
SHARDS = 64
PICKS_OF_A_CALLEE = 65  # the last ones: no sane budget is greater

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
    """A mapping that forgets the older half of what it holds when it is full."""

    def __init__(self, most: int) -> None:
        self._half = most // 2
        self._new: dict[str, ValueT] = {}
        self._old: dict[str, ValueT] = {}

    def get(self, key: str) -> ValueT | None:
        """Return an entry, None where there is none."""
        return self._new.get(key) or self._old.get(key)

    def __setitem__(self, key: str, value: ValueT) -> None:
        if len(self._new) >= self._half:
            self._old, self._new = self._new, {}
        self._new[key] = value

    def pop(self, key: str) -> ValueT | None:
        """Take an entry out, None where there is none."""
        older = self._old.pop(key, None)
        return self._new.pop(key, older)


class Learned:
    """Calls and callees by their digests; no entry is a concern of the garbage collector."""

    def __init__(self) -> None:
        of_each = MOST_REMEMBERED // SHARDS
        self._calls = Shards(Bounded[LearnedPick](of_each) for _ in range(SHARDS))
        self._callees = Shards(Bounded[LearnedPick](of_each) for _ in range(SHARDS))
        self._aside: list[_Call] = []

    def note(self, operations: Sequence[Operation], answers: Sequence[Any], now: int) -> None:
        """Put a call aside that the shared ledger has answered at an instant in ms."""
        self._aside.append((operations, answers, now))
        if len(self._aside) >= ASIDE:
            self._take_in()

    def call(self, digest: str) -> LearnedPick | None:
        """Take out what is known of a call."""
        self._take_in()
        return self._calls.of(digest).pop(digest)

    def callee(self, digest: str) -> list[LearnedPick]:
        """Take out the picks for a callee, in order."""
        self._take_in()
        return _in_order(self._callees.of(digest).pop(digest))

    def _take_in(self) -> None:
        aside, self._aside = self._aside, []
        for operations, answers, now in aside:
            for asked, answer in zip(operations, answers, strict=True):
                # As most: of a Pick or a Take, which shows one number.
                if type(answer) is str and type(asked) is not Outcome:
                    if asked.dry_run:
                        continue
                elif not self._is_counted(asked, answer, now):
                    continue
                if call := asked.call:
                    self._calls.of(call)[call] = LearnedPick(asked.body, now, answer)
                if callee := asked.callee:
                    known = self._callees.of(callee)
                    known[callee] = _after(known.get(callee), asked.groups, now, answer)

    def _is_counted(self, asked: Operation, answer: Any, now: int) -> bool:
        """Return whether this is a pick that was counted now; keep a repetition's answer."""
        if not isinstance(asked, (Pick, Take)) or asked.dry_run:
            return False
        picked = picked_from(answer)
        known = self._calls.of(asked.call)
        if picked.is_repeated and not known.get(asked.call):  # another process's, maybe
            known[asked.call] = LearnedPick(asked.body, now, answer)
        return picked.is_counted


def _after(earlier: LearnedPick | None, groups: str, instant: int, answer: Any) -> LearnedPick:
    """Return a pick for a callee behind those before it, of which twice as many are kept."""
    if earlier is not None and earlier.count >= 2 * PICKS_OF_A_CALLEE:
        kept, earlier = _in_order(earlier), None
        for one in kept:
            earlier = _after(earlier, one.digest, one.instant, one.answer)
    count = earlier.count if earlier is not None else 0
    return LearnedPick(groups, instant, answer, earlier, count + 1)


def _in_order(last: LearnedPick | None) -> list[LearnedPick]:
    """Return the last picks for a callee, the first of them first."""
    picks: list[LearnedPick] = []
    while last is not None and len(picks) < PICKS_OF_A_CALLEE:
        picks.append(last)
        last = last.earlier
    return picks[::-1]
