"""The inventory's metrics: what a snapshot holds, by usage and by province."""

from collections import Counter

from service.inventory import Inventory
from service.metrics import Metrics
from service.sync.acceptance import SweepReport

Counts = tuple[Counter[tuple[str, str]], Counter[str]]


class Gauges:
    """Shows one instance's snapshots; labels that a new one lacks are set to 0."""

    def __init__(self, metrics: Metrics, instance_id: str) -> None:
        self._metrics = metrics
        self._instance_id = instance_id
        self._usages: Counter[tuple[str, str]] = Counter()
        self._provinces: Counter[str] = Counter()

    def show_sweep(self, report: SweepReport) -> None:
        """Tell whether a loss waits to be confirmed."""
        self._metrics.sweep_shrink_held.labels(self._instance_id).set(report.result == "held")

    def show(self, counts: Counts) -> None:
        """Show what `count` made of a snapshot."""
        usages, provinces = counts
        for usage, available in self._usages.keys() | usages.keys():
            gauge = self._metrics.inventory_numbers.labels(self._instance_id, usage, available)
            gauge.set(usages[usage, available])
        for province in self._provinces.keys() | provinces.keys():
            gauge = self._metrics.numbers_available.labels(self._instance_id, province)
            gauge.set(provinces[province])
        self._usages, self._provinces = usages, provinces


def count(inventory: Inventory) -> Counts:
    """Count by usage and whether a number is `available`, a candidate; these by province too."""
    homes = inventory.homes()
    numbers = inventory.numbers.values()
    usages = Counter((number.usage, str(number.number in homes).lower()) for number in numbers)
    return usages, Counter(inventory.numbers[number].province for number in homes)
