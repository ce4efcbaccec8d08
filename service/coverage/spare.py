"""Which cities have numbers to spare, to be shown first to callees who have none near them.

Least recently used over all numbers would use up the scarce ones as well, whose own callees come
later in the day. Each process finds the cities by itself: it knows all that it takes.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from datetime import date
from functools import lru_cache
from itertools import chain, zip_longest
from math import inf

from service.coverage.demand import Demand
from service.coverage.flow import Flow, path_of
from service.coverage.market import Owner
from service.coverage.report import Describe, counted, daily, glanced, history
from service.errors import LedgerUnavailable
from service.inventory import Inventory, Node
from service.locality import Locality
from service.tasks import heed_cancellation, in_slices, wait_at_most

LOOK_SECONDS = 600.0
START_SECONDS = 1.0  # while there is no inventory
ENDLESS = 1e9  # calls of a number without a cap
REMEMBERED = 1000  # sets of groups, each with its cities

Spare = Mapping[str, tuple[Node, ...]]  # by skill group, the cities with the most to spare first


class SpareCities:
    """The cities of one instance that have numbers to spare; `run` must be running.

    Args:
        demand: of the instance.
        inventory: gives the snapshot, or None before the first.
        glance: tells of numbers what they have been used for today, and their caps.
    """

    def __init__(
        self, demand: Demand, inventory: Callable[[], Inventory | None], glance: Describe
    ) -> None:
        self.now: Spare = {}
        self._most = 0
        self._wake = asyncio.Event()
        self._demand = demand
        self._inventory = inventory
        self._glance = glance
        self._day = date.min
        self._daily: Mapping[Owner, float] = {}
        self._of = lru_cache(REMEMBERED)(self._best_of)

    def of(self, groups: tuple[str, ...]) -> tuple[tuple[str, Node], ...]:
        """Return the cities of some groups, each with its group: no more than one group has.

        Each is a pool more for a pick to look at, a few µs of Redis.
        """
        return self._of(groups) if self.now else ()

    def _best_of(self, groups: tuple[str, ...]) -> tuple[tuple[str, Node], ...]:
        """The best city of each group, then the second of each."""
        owned = (
            [(group, city) for city in self.now.get(group, ())] for group in sorted(set(groups))
        )
        return tuple(filter(None, chain.from_iterable(zip_longest(*owned))))[: self._most]

    def show(self, most: int) -> None:
        """Find so many cities from now."""
        if most != self._most:
            self._most = most
            self._show({})
            self._wake.set()

    async def run(self) -> None:
        """Look every ten minutes, and whenever there is more to find; until cancelled."""
        while True:
            self._wake.clear()
            with suppress(LedgerUnavailable):  # what was found last is as good as ever
                await self.look()
            heed_cancellation()
            pause = START_SECONDS if self._inventory() is None else LOOK_SECONDS
            await wait_at_most(pause, self._wake)

    async def look(self) -> None:
        """Find the cities anew; none where nobody wants to know.

        Raises:
            LedgerUnavailable: the demand cannot be read now.
        """
        inventory, now = self._inventory(), self._demand.now()
        if not self._most or inventory is None:
            self._show({})
            return
        if self._day != now.date():
            self._daily = daily((await history(self._demand)).hourly)
            self._day = now.date()
        expected = dict(self._daily)
        for owner, calls in (await counted(self._demand)).items():
            expected[owner] = expected.get(owner, 0.0) - calls
        left = await in_slices(calls_left(inventory, self._glance))
        self._show(await in_slices(spare_cities(left, expected, self._most)))

    def _show(self, spare: Spare) -> None:
        self.now = spare
        self._of.cache_clear()


def calls_left(
    inventory: Inventory, glance: Describe
) -> Generator[None, None, Mapping[Owner, float]]:
    """Sum up the calls that numbers may still have today, by group and place.

    A number without a cap is never scarce, and has endless ones.
    """
    left: defaultdict[Owner, float] = defaultdict(float)
    for some in glanced(inventory, glance):
        yield
        for groups, place, use in some:
            calls = max(0, use.max_per_day - use.used_day) if use.max_per_day else inf
            for group in groups:
                left[group, place] += calls
    return left


def _flowing(
    left: Mapping[Owner, float], expected: Mapping[Owner, float]
) -> Generator[None, None, Mapping[str, Flow]]:
    flows: defaultdict[str, Flow] = defaultdict(Flow)
    for (group, place), calls in expected.items():
        yield
        flows[group].way(place).add_demand(max(0.0, calls))
    for (group, place), calls in left.items():
        yield
        flows[group].way(place).add_supply(min(calls, ENDLESS))
    return flows


def spare_cities(
    left: Mapping[Owner, float], expected: Mapping[Owner, float], most: int
) -> Generator[None, None, Spare]:
    """Choose for each group the cities with most calls to spare, in slices.

    None for a group where these cities could not carry its callees that have no number in their
    province: then nothing is to spare, and all numbers take their turns.

    Args:
        left: calls, by group and numbers' place.
        expected: calls until the day ends, by group and callees' place; below 0 where there were
            more of them today than on other days.
        most: how many cities.
    """
    flows = yield from _flowing(left, expected)
    slack: defaultdict[str, list[tuple[float, Locality]]] = defaultdict(list)
    for (group, place), calls in left.items():
        yield
        spare = calls * flows[group].way(place).idle_share() if calls else 0.0
        if place.city and spare >= 1:
            slack[group].append((spare, place))
    chosen: dict[str, tuple[Node, ...]] = {}
    for group, cities in slack.items():
        best = sorted(cities, key=lambda pair: pair[0], reverse=True)[:most]
        if sum(calls for calls, _ in best) >= flows[group].strangers():
            chosen[group] = tuple(path_of(place)[0] for _, place in best)
    return chosen
