"""Place numbers with the groups and places where they are worth most.

Always the most worthy number is placed, one after the other; as a number is worth less the more
there are, its worth is computed again for the first in line alone. It yields after each step, so
that others may have a turn.
"""

from collections import Counter, defaultdict
from collections.abc import Generator, Iterable, Mapping, Sequence
from heapq import heapify, heappop, heapreplace
from itertools import groupby, permutations
from typing import NamedTuple

import msgspec

from service.coverage.flow import Flow, Served, Way
from service.inventory.pools import LEVELS
from service.locality import Locality

ROUNDING = 1e-6  # of sums that are whole but for their last digits
LEAST_WORTH = 0.05  # of a number, in calls a day; what is worth less is not placed

Owner = tuple[str, Locality]  # a skill group, and the place of its numbers or of its callees


class Lot(msgspec.Struct, frozen=True):
    """Numbers that are alike: where they are, their groups, the calls a day of each, how many."""

    place: Locality
    groups: tuple[str, ...]
    calls: float
    count: int


class Stock:
    """The numbers of a lot that are not placed yet."""

    def __init__(self, left: int) -> None:
        self.left = left


class Offer(msgspec.Struct):
    """The numbers of a lot, as one of its groups may have them, and how many it has."""

    owner: Owner
    calls: float
    stock: Stock
    way: Way
    placed: int = 0

    def worth(self, count: int = 1) -> float:
        """Return what so many more of these numbers are worth; a negative count takes them back."""
        return self.way.worth(count * self.calls)

    def missing(self) -> int:
        """Return how many of these numbers their own place misses, at least one."""
        return max(1, min(self.stock.left, int(self.way.missing() / self.calls)))


class Placement(NamedTuple):
    """Numbers of an offer that were placed, and what that changed."""

    owner: Owner
    numbers: int
    served: Served


class Market:
    """The flows of all groups, and how many numbers each has at each place.

    Args:
        most: the calls of all callees, more than which no number carries.
    """

    def __init__(self, most: float) -> None:
        self.flows: defaultdict[str, Flow] = defaultdict(Flow)
        self.supply: defaultdict[Owner, float] = defaultdict(float)
        self.counts: Counter[Owner] = Counter()
        self._most = most

    def offer(self, owner: Owner, calls: float, stock: Stock) -> Offer:
        """Return an offer of numbers, each for so many calls a day."""
        return Offer(owner, min(calls, self._most), stock, self._way(owner))

    def place(self, offer: Offer, count: int) -> None:
        """Give so many numbers to their group, or with a negative count take them back."""
        offer.stock.left -= count
        offer.placed += count
        self.counts[offer.owner] += count
        self.supply[offer.owner] += count * offer.calls
        offer.way.add_supply(count * offer.calls)

    def demand(self, owner: Owner, calls: float) -> None:
        """Have callees of a group and place called so many times a day more."""
        self._way(owner).add_demand(calls)

    def idle(self, owner: Owner) -> int:
        """Return how many numbers of a group and place no callee of their province needs."""
        return int(self.counts[owner] * self._way(owner).idle_share() + ROUNDING)

    def served(self) -> Served:
        """Return the calls a day by level, all groups together."""
        served = [flow.served() for flow in self.flows.values()]
        return {level: sum(calls[level] for calls in served) for level in LEVELS}

    def _way(self, owner: Owner) -> Way:
        group, place = owner
        return self.flows[group].way(place)


def demanding(market: Market, demand: Mapping[Owner, float]) -> Generator[None, None, None]:
    """Take in the demand."""
    for owner, calls in demand.items():
        yield
        market.demand(owner, calls)


def supplying(market: Market, lots: Iterable[Lot]) -> Generator[None, None, None]:
    """Place all numbers: those of one group first, then the others where they are missed most."""
    shared: list[Offer] = []
    for lot in lots:
        yield
        stock = Stock(lot.count)
        offers = [market.offer((group, lot.place), lot.calls, stock) for group in lot.groups]
        if len(offers) == 1:
            market.place(offers[0], lot.count)
        else:
            shared += offers
    yield from placing_best(market, shared)
    for offer in shared:
        yield
        if offer.stock.left:  # nobody misses them: whoever comes first may have them
            market.place(offer, offer.stock.left)
    yield from _moving(market, shared)


def _moving(market: Market, shared: Sequence[Offer]) -> Generator[None, None, None]:
    """Move shared numbers between groups while that is worth something.

    The most worthy place for one number may leave another with none. Once through all of them mends
    nearly all: it is worth 0.997 of the best or more, and twice through takes half as long again.
    """
    for _, offers in groupby(shared, key=lambda offer: id(offer.stock)):
        for given, taking in permutations(offers, 2):
            yield
            while given.placed and taking.worth() + given.worth(-1) > ROUNDING:
                market.place(given, -1)
                market.place(taking, 1)


def placing_best(
    market: Market, offers: Sequence[Offer], most: int | None = None
) -> Generator[None, None, list[Placement]]:
    """Place numbers, the most worthy first, until none is worth it.

    Up to `most`, one by one; or all, as many at once as their place misses, which is quicker.
    """
    line: list[tuple[float, int]] = []
    for at, offer in enumerate(offers):
        yield
        line.append((-offer.worth(), at))
    heapify(line)
    placements: list[Placement] = []
    while line and most != 0:
        yield
        expected, at = line[0]
        offer = offers[at]
        now = offer.worth()
        if not offer.stock.left or now < LEAST_WORTH:
            heappop(line)
        elif -now > expected:
            heapreplace(line, (-now, at))
        else:
            count = 1 if most else offer.missing()
            placements.append(Placement(offer.owner, count, offer.way.gain(count * offer.calls)))
            market.place(offer, count)
            most = most - 1 if most else None
    return placements
