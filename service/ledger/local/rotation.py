"""One pool in this process: its free numbers, the least recently used first.

A number that is used goes to the end, so the order is a linked list and a use costs the same in
a pool of ten and of a million. Only a number that comes back from parking, or enters, has to be
put between others; those few stand in a sorted list beside it.
"""

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from heapq import merge


class Rotation:
    """The free numbers of a pool, each with the turn of its last use."""

    def __init__(self, turns: Iterable[tuple[int, str]]) -> None:
        self._queue = OrderedDict((number, turn) for turn, number in sorted(turns))
        self._early: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._queue) + len(self._early)

    def __iter__(self) -> Iterator[tuple[int, str]]:
        """(turn, number), the least recently used first; not to be changed meanwhile."""
        queue = ((turn, number) for number, turn in self._queue.items())
        return merge(self._early, queue) if self._early else queue

    def numbers(self) -> Iterator[str]:
        """The numbers alone, in the same order; not to be changed meanwhile."""
        return (number for _, number in self) if self._early else iter(self._queue)

    def add(self, number: str, turn: int) -> None:
        """Let a number in, at the place of its last use."""
        if not self._queue or (turn, number) > self._last():
            self._queue[number] = turn
        else:
            insort(self._early, (turn, number))

    def remove(self, number: str, turn: int) -> None:
        """Take a free number out; `turn` is the one it has."""
        if number in self._queue:
            del self._queue[number]
        else:
            del self._early[bisect_left(self._early, (turn, number))]

    def use(self, number: str, turn: int, new_turn: int) -> None:
        """Send a free number to the end; `new_turn` is greater than every other."""
        if number in self._queue:
            self._queue.move_to_end(number)
        else:
            self.remove(number, turn)
        self._queue[number] = new_turn

    def _last(self) -> tuple[int, str]:
        number = next(reversed(self._queue))
        return self._queue[number], number
