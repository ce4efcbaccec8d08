"""Counts of what happens thousands of times a second: one step in a dict for an event.

To count a pick and its duration takes prometheus_client some 12,000 instructions more. What a tally
has is moved into the metrics twice a second, and before these are read.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

from prometheus_client import Histogram, Metric
from prometheus_client.registry import Collector

KeyT = TypeVar("KeyT", bound=tuple[str | int, ...])


class EventTally(Collector, Generic[KeyT]):
    """Counts events that are alike under one key.

    Args:
        move: takes a key, how many events there were, and the sum of their seconds.
    """

    def __init__(self, move: Callable[[KeyT, int, float], None]) -> None:
        self._move = move
        self._counts: dict[KeyT, tuple[int, float]] = {}

    def count(self, key: KeyT, seconds: float = 0.0) -> None:
        """Count an event, without a lock."""
        events, total = self._counts.get(key, (0, 0.0))
        self._counts[key] = events + 1, total + seconds

    def flush(self) -> None:
        """Move what was counted into the metrics."""
        counts, self._counts = self._counts, {}
        for key, (events, seconds) in counts.items():
            self._move(key, events, seconds)

    def collect(self) -> tuple[Metric, ...]:
        """Flush, and show nothing of its own."""
        self.flush()
        return ()


class FillableHistogram(Histogram):
    """A histogram that takes observations of one bucket together."""

    def fill(self, bucket: int, events: int, total: float) -> None:
        """Add so many observations, with their sum, to the bucket at this place."""
        self._buckets[bucket].inc(events)
        self._sum.inc(total)
