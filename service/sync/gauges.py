"""Metrics of an instance's inventory and of its sweeps, and a log line of each sweep that is news.

They show what a snapshot holds, and how much of it can be shown now.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import msgspec

from service.inventory import Inventory, UnreadableRow
from service.metrics import Metrics
from service.sync.acceptance import CONFIRMED, SweepReport

AVAILABLE_SECONDS = 5.0

_log = logging.getLogger(__name__)


class Gauges:
    """Shows one instance's snapshots; labels that a new one lacks are set to 0."""

    def __init__(self, metrics: Metrics, instance_id: str) -> None:
        self._metrics = metrics
        self._instance_id = instance_id
        self._usages: set[tuple[str, bool]] = set()

    def show_sweep(self, report: SweepReport) -> None:
        """Show whether a loss waits to be confirmed, and how many rows are set aside."""
        self._metrics.sweep_shrink_held.labels(self._instance_id).set(report.result == "held")
        self._metrics.unreadable_numbers.labels(self._instance_id).set(report.unreadable)

    def show(self, usages: Mapping[tuple[str, bool], int]) -> None:
        """Show how many numbers a snapshot has by usage; `available` are the candidates."""
        self._usages |= usages.keys()
        for usage, is_candidate in self._usages:
            available = str(is_candidate).lower()
            gauge = self._metrics.inventory_numbers.labels(self._instance_id, usage, available)
            gauge.set(usages.get((usage, is_candidate), 0))


class Available:
    """Shows how many numbers of each province may be picked now, of one instance."""

    def __init__(self, metrics: Metrics, instance_id: str) -> None:
        self._gauge = metrics.numbers_available
        self._instance_id = instance_id
        self._shown: set[str] = set()

    def show(self, inventory: Inventory, parked: Iterable[str]) -> None:
        """Count the candidates that are not parked; a province that has gone has 0.

        Args:
            inventory: whose candidates.
            parked: the numbers that are out, others than candidates among them or not.
        """
        candidates = inventory.homes()
        out = Counter(
            inventory.numbers[number].province for number in parked if number in candidates
        )
        for province in self._shown | inventory.provinces.keys():
            available = inventory.provinces[province] - out[province]
            self._gauge.labels(self._instance_id, province).set(available)
        self._shown |= inventory.provinces.keys()

    async def run(
        self, snapshot: Callable[[], Inventory | None], parked: Callable[[], Iterable[str]]
    ) -> None:
        """Show them again and again, not often: all parked numbers are looked at. Until cancelled.

        Args:
            snapshot: gives the inventory of now.
            parked: gives the numbers that are parked now.
        """
        while True:
            if (inventory := snapshot()) is not None:
                self.show(inventory, parked())
            await asyncio.sleep(AVAILABLE_SECONDS)


class Sweeps:
    """Tells of one instance's sweeps."""

    def __init__(self, metrics: Metrics, instance_id: str) -> None:
        self._metrics = metrics
        self._instance_id = instance_id
        self._told = ("", "")
        self._aside: tuple[int, tuple[UnreadableRow, ...]] = (0, ())

    def show_age(self, seconds: float) -> None:
        """Show how long ago a sweep confirmed the inventory."""
        self._metrics.inventory_age.labels(self._instance_id).set(seconds)

    def tell(self, report: SweepReport) -> None:
        """Count a sweep, and log it unless it went as the last one did and changed nothing."""
        self._metrics.sweeps.labels(self._instance_id, report.result).inc()
        self._metrics.sweep_duration.labels(self._instance_id).observe(report.duration)
        # Two failures alike have two request ids.
        how = report.result, report.detail.partition(" (request ")[0]
        aside = report.unreadable, report.examples
        if report.added or report.removed or how != self._told or aside != self._aside:
            self._log(report)
        self._told, self._aside = how, aside

    def _log(self, report: SweepReport) -> None:
        is_fine = report.result in CONFIRMED and not report.unreadable
        aside = f", {report.unreadable} rows cannot be read" if report.unreadable else ""
        figures = msgspec.structs.asdict(report)
        figures["examples"] = list(map(str, report.examples))
        _log.log(
            logging.INFO if is_fine else logging.WARNING,
            "%s: sweep %s%s",
            self._instance_id,
            report.result,
            aside,
            extra={"sweep": figures},
        )
