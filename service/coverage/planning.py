"""Which numbers to buy where, and which of those that there are serve nobody near them."""

from collections import defaultdict
from collections.abc import Generator, Iterable, Mapping

import msgspec

from service.coverage.flow import LOCAL, Served
from service.coverage.market import (
    Lot,
    Market,
    Offer,
    Owner,
    Placement,
    Stock,
    demanding,
    placing_best,
    supplying,
)
from service.inventory.pools import LEVELS


class Purchase(msgspec.Struct, frozen=True):
    """Numbers to buy for a group, and what they change together, in calls a day.

    `gain` is how many calls more are matched by city, area code or province; `instead` says what
    those had before, by level.
    """

    owner: Owner
    count: int
    gain: float
    instead: Mapping[str, float]


class CoveragePlan(msgspec.Struct, frozen=True):
    """A plan.

    `idle` counts the numbers of a group and a place that no callee of their province needs.
    `foretold` has the calls a day by level, before anything is bought; `supply` what each group has
    at each place, in calls a day, numbers of several groups divided among them.
    """

    buy: tuple[Purchase, ...]
    idle: Mapping[Owner, int]
    foretold: Served
    supply: Mapping[Owner, float]


def planning(
    lots: Iterable[Lot], demand: Mapping[Owner, float], buy: int, calls: float
) -> Generator[None, None, CoveragePlan]:
    """Make a plan, in slices: whenever it yields, others may have a turn.

    Args:
        lots: the candidates of an instance.
        demand: calls a day.
        buy: how many numbers to place at most.
        calls: what each of those may be used for in a day, infinite without a cap.
    """
    market = Market(sum(demand.values()))
    yield from demanding(market, demand)
    yield from supplying(market, lots)
    idle = yield from _idling(market)
    foretold, supply = market.served(), dict(market.supply)
    yield
    for_sale: list[Offer] = []
    for owner in demand:
        yield
        if owner[1].city:
            for_sale.append(market.offer(owner, calls, Stock(buy)))
    placements = yield from placing_best(market, for_sale, buy)
    purchases = yield from _summing(placements)
    purchases.sort(key=lambda purchase: -purchase.gain)
    return CoveragePlan(tuple(purchases), idle, foretold, supply)


def _idling(market: Market) -> Generator[None, None, dict[Owner, int]]:
    idle: dict[Owner, int] = {}
    for owner in market.counts:
        yield
        if spare := market.idle(owner):
            idle[owner] = spare
    return idle


def _summing(placements: Iterable[Placement]) -> Generator[None, None, list[Purchase]]:
    """Sum up the placements of each group and place."""
    placed: defaultdict[Owner, list[Placement]] = defaultdict(list)
    for placement in placements:
        placed[placement.owner].append(placement)
    purchases: list[Purchase] = []
    for owner, these in placed.items():
        yield
        total = {level: sum(each.served.get(level, 0) for each in these) for level in LEVELS}
        gain = sum(total[level] for level in LOCAL)
        instead = {level: -calls for level, calls in total.items() if calls < 0}
        count = sum(each.numbers for each in these)
        purchases.append(Purchase(owner, count, gain, instead))
    return purchases
