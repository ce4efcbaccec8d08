"""Counts of what happens thousands of times a second: one step in a dict for an event.

prometheus_client takes 17,000 instructions to count a pick and its duration, a tally 1,500. What it
has is moved into the metrics twice a second, and before these are read.
"""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from prometheus_client import Histogram, Metric
from prometheus_client.registry import Collector

KeyT = TypeVar("KeyT", bound=tuple[str | int, ...])


class Tally(Collector, Generic[KeyT]):
    """Counts events that are alike under one key; registered before the metrics that it moves into.

    Args:
        move: takes a key, how many events there were, and the sum of their seconds.
    """

    def __init__(self, move: Callable[[KeyT, int, float], None]) -> None:
        self._move = move
        self._cells: dict[KeyT, tuple[int, float]] = {}

    def count(self, key: KeyT, seconds: float = 0.0) -> None:
        """Count an event, without I/O and without a lock."""
        events, total = self._cells.get(key, (0, 0.0))
        self._cells[key] = events + 1, total + seconds

    def flush(self) -> None:
        """Move what was counted into the metrics."""
        cells, self._cells = self._cells, {}
        for key, (events, seconds) in cells.items():
            self._move(key, events, seconds)

    def collect(self) -> Iterator[Metric]:
        """Show nothing of its own: the metrics that are collected next have it by now."""
        self.flush()
        return iter(())


class FilledHistogram(Histogram):
    """A histogram that takes observations together, as a tally has them."""

    def fill(self, bucket: int, events: int, total: float) -> None:
        """Add observations of one bucket.

        Args:
            bucket: its place among the bounds, from 0.
            events: how many there were.
            total: their sum.
        """
        self._buckets[bucket].inc(events)
        self._sum.inc(total)
