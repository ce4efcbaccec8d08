"""Read the calls of an instance once an hour: for the judgement of its numbers, and for a gauge.

The gauge says how each group is answered against its own last days. It parks nothing: where a
whole group falls, it is not the numbers.
"""

import math
from collections.abc import Iterable

from service.health.store import Store
from service.health.strata import HOURS_A_DAY, USUAL_DAYS, Calls, Strata
from service.inventory import Inventory, group_token
from service.metrics import Metrics


class Surroundings:
    """The calls of all numbers of one instance, as they stood when the hour began.

    Args:
        instance_id: the label of the gauge.
        store: has the calls of each day.
        metrics: show how each group is answered.
    """

    def __init__(self, instance_id: str, store: Store, metrics: Metrics) -> None:
        self._instance_id = instance_id
        self._store = store
        self._gauge = metrics.answered_ratio
        self._shown: set[str] = set()
        self._day = self._hour = 0
        self._earlier = Calls()  # the days before yesterday: they change no more
        self._strata = Strata(0, Calls(), Calls(), Calls())

    async def at(self, hour: int, inventory: Inventory) -> Strata:
        """Return the calls with which those of a number are compared.

        Args:
            hour: the one that runs, since 1970.
            inventory: names the groups.

        Raises:
            LedgerUnavailable: Redis does not serve.
        """
        if hour != self._hour:
            day = hour // HOURS_A_DAY
            if day != self._day:
                self._earlier = await self._read(range(day - USUAL_DAYS, day - 1))
                self._day = day
            yesterday, today = await self._read([day - 1]), await self._read([day])
            self._strata = Strata(day, today, yesterday, self._earlier)
            self._show(hour, inventory)
            self._hour = hour
        return self._strata

    def hide(self) -> None:
        """Show no group's ratio until the next look: nothing is counted any more."""
        for group in self._shown:
            self._gauge.labels(self._instance_id, group).set(math.nan)
        self._hour = 0

    async def _read(self, days: Iterable[int]) -> Calls:
        calls = Calls()
        for day in days:
            await self._store.add_calls(day, calls)
        return calls

    def _show(self, hour: int, inventory: Inventory) -> None:
        """Show each group's ratio; NaN where there are too few calls to tell."""
        self._shown |= inventory.groups
        for group in self._shown:
            ratio = self._strata.answered_ratio(group_token(group), hour)
            self._gauge.labels(self._instance_id, group).set(math.nan if ratio is None else ratio)
