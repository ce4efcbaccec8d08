"""What the shared ledger answered to this process, for when the process must decide alone.

It comes with every reply and is hardly ever read. So replies are only put aside, some are taken in
together, and what is taken in stays as it came: the book makes its own of an entry when it is asked
for it. Both kinds of memory are bounded, the oldest goes first.
"""

from collections.abc import Sequence
from typing import Any, Generic, TypeAlias, TypeVar

from service.ledger.answers import picked_from
from service.ledger.port import Operation, Outcome, Pick, Take

MOST_REMEMBERED = 200_000  # calls, and callees
ASIDE = 16  # replies
USES_OF_A_CALLEE = 3 * 64  # its last picks, three entries each: no sane budget is greater

ValueT = TypeVar("ValueT")

_Call: TypeAlias = tuple[Sequence[Any], Sequence[Any], int]


class Bounded(Generic[ValueT]):
    """A mapping that forgets the older half of what it holds when it is full."""

    def __init__(self, most: int) -> None:
        self._half = most // 2
        self.new: dict[str, ValueT] = {}
        self.old: dict[str, ValueT] = {}

    def make_room(self) -> None:
        """Forget the older half, if the newer one is full."""
        if len(self.new) >= self._half:
            self.new, self.old = {}, self.new

    def pop(self, key: str) -> ValueT | None:
        """Take an entry out, None where there is none."""
        older = self.old.pop(key, None)
        return self.new.pop(key, older)


class Learned:
    """Calls and callees by their digests."""

    def __init__(self) -> None:
        # Plain tuples of texts and numbers: the garbage collector leaves them alone.
        self._calls = Bounded[tuple[str, int, Any]](MOST_REMEMBERED)
        self._callees = Bounded[tuple[Any, ...]](MOST_REMEMBERED)
        self._aside: list[_Call] = []

    def note(self, operations: Sequence[Operation], answers: Sequence[Any], now: int) -> None:
        """Put a call aside that the shared ledger has answered at an instant in ms."""
        self._aside.append((operations, answers, now))
        if len(self._aside) >= ASIDE:
            self._take_in()

    def call(self, digest: str) -> tuple[str, int, Any] | None:
        """Take out what is known of a call: body, instant, and the answer as in `wire`."""
        self._take_in()
        return self._calls.pop(digest)

    def callee(self, digest: str) -> tuple[Any, ...]:
        """Take out the picks for a callee: instant, groups and answer of each, in order."""
        self._take_in()
        return self._callees.pop(digest) or ()

    def _take_in(self) -> None:
        aside, self._aside = self._aside, []
        self._calls.make_room()
        self._callees.make_room()
        calls, callees, older = self._calls.new, self._callees.new, self._callees.old
        for operations, answers, now in aside:
            for asked, answer in zip(operations, answers, strict=True):
                # As most: of a Pick or a Take, which shows one number.
                if type(answer) is str and type(asked) is not Outcome:
                    if asked.dry_run:
                        continue
                elif not self._is_counted(asked, answer, now):
                    continue
                if call := asked.call:
                    calls[call] = (asked.body, now, answer)
                if callee := asked.callee:
                    use = now, asked.groups, answer
                    earlier = callees.get(callee) or older.pop(callee, None)
                    callees[callee] = (*earlier[-USES_OF_A_CALLEE:], *use) if earlier else use

    def _is_counted(self, asked: Operation, answer: Any, now: int) -> bool:
        """Return whether this is a pick that was counted now; keep a repetition's answer."""
        if not isinstance(asked, (Pick, Take)) or asked.dry_run:
            return False
        picked = picked_from(answer)
        if picked.is_repeated and asked.call not in self._calls.old:  # another process's, maybe
            self._calls.new.setdefault(asked.call, (asked.body, now, answer))
        return picked.is_counted
