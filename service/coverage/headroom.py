"""The share of the day's caps that each skill group has left, as a gauge."""

import asyncio
from collections import Counter
from collections.abc import Generator
from math import nan

from service.coverage.report import Describe, glanced
from service.inventory import Inventory
from service.metrics import Metrics
from service.sync import InventoryKeeper
from service.tasks import in_slices

SHOW_SECONDS = 30.0  # all numbers are looked at


async def show_headroom(metrics: Metrics, keeper: InventoryKeeper, glance: Describe) -> None:
    """Show it for one instance again and again, NaN once there are no caps; until cancelled.

    Args:
        metrics: have the gauge.
        keeper: has the instance's numbers.
        glance: tells of numbers what they have been used for today, and their caps.
    """
    ratios: dict[str, float] = {}
    while True:
        if (inventory := keeper.inventory) is not None:
            ratios = dict.fromkeys(ratios, nan) | await in_slices(headroom(inventory, glance))
            for group, ratio in ratios.items():
                metrics.cap_headroom.labels(inventory.instance_id, group).set(ratio)
        await asyncio.sleep(SHOW_SECONDS)


def headroom(inventory: Inventory, glance: Describe) -> Generator[None, None, dict[str, float]]:
    """Return by group the unused share of its numbers' `max_per_day`, in slices.

    Numbers without one, and groups that have no others, are left out.
    """
    caps: Counter[str] = Counter()
    left: Counter[str] = Counter()
    for some in glanced(inventory, glance):
        yield
        for groups, _, use in some:
            caps.update(dict.fromkeys(groups, use.max_per_day))
            left.update(dict.fromkeys(groups, max(0, use.max_per_day - use.used_day)))
    return {group: left[group] / cap for group, cap in caps.items() if cap}
