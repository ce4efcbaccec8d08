"""Counts of what happens thousands of times a second: one step in a dict, or little more.

To count a pick and its duration takes prometheus_client some 12,000 instructions more. What a tally
has is moved into the metrics twice a second, and before these are read.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Generic, TypeVar

from prometheus_client import Counter, Gauge, Histogram, Metric
from prometheus_client.registry import Collector

M = TypeVar("M", Counter, Gauge, Histogram)
KeyT = TypeVar("KeyT", bound=tuple[str | int, ...])


class Children(dict[tuple[str, ...], M], Generic[M]):
    """A metric's children by their label values, for paths on which `labels()` costs too much.

    `children["ccc-test", "redis", "city"].inc()`; the values stand in the metric's order.
    """

    def __init__(self, metric: M) -> None:
        super().__init__()
        self._metric: M = metric

    def __missing__(self, values: tuple[str, ...]) -> M:
        child: M = self._metric.labels(*values)
        self[values] = child
        return child


class EventTally(Collector, Generic[KeyT]):
    """Counts events that are alike under one key.

    Args:
        move: takes a key, how many events there were, and the sum of their seconds.
    """

    def __init__(self, move: Callable[[KeyT, int, float], None]) -> None:
        self._move = move
        self._counts: defaultdict[KeyT, list[float]] = defaultdict(lambda: [0, 0.0])

    def count(self, key: KeyT, seconds: float = 0.0) -> None:
        """Count an event, without a lock."""
        counted = self._counts[key]
        counted[0] += 1
        counted[1] += seconds

    def flush(self) -> None:
        """Move what was counted into the metrics."""
        counts = self._counts.copy()
        self._counts.clear()
        for key, (events, seconds) in counts.items():
            self._move(key, int(events), seconds)

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
