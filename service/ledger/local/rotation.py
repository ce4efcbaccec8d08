"""One pool in this process: its free numbers, the least recently used first.

Numbers that were never used come first, in the order of their digits, begun at a place that each
process has of its own. They are read from the snapshot's pool as they are needed: the first pick
of a million numbers costs what that of ten does. A number that is used goes to the end, so the
order of those is a linked list. Only a number that comes back from parking, or enters behind what
was read, has to be put between others; those few stand in sorted lists.
"""

from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from heapq import merge
from itertools import chain, count, filterfalse

NEVER = 0  # the turn of a number that was never used; those of uses are above

_Place = tuple[int, str]  # turn and number; never used, -1 from the beginning on, 0 before it


class Rotation:
    """The free numbers of a pool, each with the turn of its last use.

    Args:
        members: the pool in the order of its digits, parked and used numbers among them.
        is_unused: tells whether a member is free and was never used.
        start: where the rotation begins, as a part of the pool below 1.
    """

    def __init__(
        self, members: Sequence[str], is_unused: Callable[[str], bool], start: float = 0
    ) -> None:
        self._is_unused = is_unused
        at = int(start * len(members))
        self._first = members[at] if at else ""
        self._last_read: _Place = (-2, "")
        self._unused: list[_Place] = []  # of what was read
        self._early: list[_Place] = []
        self._queue: OrderedDict[str, int] = OrderedDict()
        self.follow(members)

    def follow(self, members: Sequence[str]) -> None:
        """Read on from another snapshot; who left or entered is removed or added besides."""
        lap, number = self._last_read
        first, read = bisect_left(members, self._first), bisect_right(members, number)
        ahead = range(read if lap == -1 else first, len(members) if lap < 0 else 0)
        behind = range(read if lap == 0 else 0, first)
        numbers = map(members.__getitem__, chain(ahead, behind))
        self._unread = filterfalse(self._queue.__contains__, numbers)  # used through other pools
        self._is_read = False

    def __iter__(self) -> Iterator[_Place]:
        """Places from the least recently used on; not to be changed meanwhile."""
        for at in count():
            if at == len(self._unused) and not self._read():
                break
            yield self._unused[at]
        queue = ((turn, number) for number, turn in self._queue.items())
        yield from merge(self._early, queue) if self._early else queue

    def numbers(self) -> Iterator[str]:
        """The numbers alone, in the same order; not to be changed meanwhile."""
        if self._is_read and not (self._unused or self._early):
            return iter(self._queue)
        return (number for _, number in self)

    def add(self, number: str, turn: int) -> None:
        """Let a number in, at the place of its last use."""
        if turn == NEVER:
            if (place := self._place(number)) <= self._last_read:
                insort(self._unused, place)
        elif not self._queue or turn > self._queue[next(reversed(self._queue))]:
            self._queue[number] = turn
        else:
            insort(self._early, (turn, number))

    def remove(self, number: str, turn: int) -> None:
        """Take a free number out; `turn` is the one it has."""
        if number in self._queue:
            del self._queue[number]
        elif turn != NEVER:
            del self._early[bisect_left(self._early, (turn, number))]
        elif (place := self._place(number)) <= self._last_read:
            del self._unused[bisect_left(self._unused, place)]

    def use(self, number: str, turn: int, new_turn: int) -> None:
        """Send a free number to the end; `new_turn` is greater than every other."""
        if number in self._queue:
            self._queue.move_to_end(number)
        else:
            self.remove(number, turn)
        self._queue[number] = new_turn

    def _read(self) -> bool:
        """Read up to the next number that was never used; False where there is none any more."""
        for number in self._unread:
            self._last_read = place = self._place(number)
            if self._is_unused(number):
                self._unused.append(place)
                return True
        self._is_read = True
        return False

    def _place(self, number: str) -> _Place:
        return (-1 if number >= self._first else 0), number


class Rotations(dict[str, Rotation]):
    """Rotations by their pools, each begun when it is first asked for.

    Args:
        begin: makes that of a pool.
    """

    def __init__(self, begin: Callable[[str], Rotation]) -> None:
        super().__init__()
        self._begin = begin

    def __missing__(self, pool: str) -> Rotation:
        rotation = self[pool] = self._begin(pool)
        return rotation
