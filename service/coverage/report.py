"""How an instance's numbers fit its demand, as `/v1/coverage` says it."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from math import inf
from typing import Annotated

import msgspec
from msgspec import Meta

from service.coverage.demand import DAYS, REFUSED, Day, Demand
from service.coverage.exhaustion import HOURS, exhausting
from service.coverage.flow import LOCAL, Served
from service.coverage.market import Lot, Owner
from service.coverage.planning import Purchase, planning
from service.inventory import Inventory
from service.ledger.answers import Glance
from service.locality import Locality
from service.tasks import in_slices

SCANNED = 64  # numbers looked at in one go, well under a ms

Hourly = Mapping[Owner, Sequence[float]]
Describe = Callable[[Sequence[str]], Sequence[Glance]]


class CoveredPlace(msgspec.Struct, frozen=True, kw_only=True):
    """A place and the skill group that it is about; "" for what is not known."""

    skill_group_id: Annotated[str, Meta(description="The skill group.")]
    province: Annotated[str, Meta(description="The province.")]
    city: Annotated[str, Meta(description="The city.")]
    area_code: Annotated[str, Meta(description="The area code.")]


class ToBuy(CoveredPlace, frozen=True, kw_only=True):
    """Numbers to buy."""

    count: Annotated[int, Meta(description="How many numbers.")]
    gain: Annotated[
        float,
        Meta(description="Calls a day more that are matched by city, area code or province."),
    ]
    instead: Annotated[
        Mapping[str, float], Meta(description="What these calls had before, by level.")
    ]


class IdleNumbers(CoveredPlace, frozen=True, kw_only=True):
    """Numbers that no callee of their province needs."""

    count: Annotated[int, Meta(description="How many numbers.")]


class ExhaustedPlace(CoveredPlace, frozen=True, kw_only=True):
    """A place whose numbers will have had all their calls."""

    at: Annotated[datetime, Meta(description="The hour of tomorrow in which the last is spent.")]


class Coverage(msgspec.Struct, frozen=True):
    """How the numbers of an instance fit its demand.

    `days` is how many days of demand it is made from: without any, nothing is said.
    """

    instance_id: Annotated[str, Meta(description="The instance.")]
    days: Annotated[int, Meta(description="From how many days of demand this is foretold.")]
    buy: Annotated[tuple[ToBuy, ...], Meta(description="What to buy, the most useful first.")]
    idle: Annotated[tuple[IdleNumbers, ...], Meta(description="What serves nobody near.")]
    exhausted: Annotated[tuple[ExhaustedPlace, ...], Meta(description="What runs out tomorrow.")]
    foretold: Annotated[
        Mapping[str, float],
        Meta(description="Calls a day by the level of their match, if each is served at its best."),
    ]
    ratio: Annotated[
        float | None,
        Meta(description="Local matches of the last day with calls, as a share of those foretold."),
    ]
    unknown_groups: Annotated[
        tuple[str, ...],
        Meta(description="Groups of the demand without a number at CCC: new, gone or mistyped."),
    ] = ()


class History(msgspec.Struct, frozen=True):
    """The mean of some days by hour, and the last day's local share; None where nobody called."""

    hourly: Hourly
    days: int
    local_share: float | None


async def history(demand: Demand) -> History:
    """Read the last two weeks up to yesterday; while there is no yesterday, today so far.

    Raises:
        LedgerUnavailable: Redis does not serve.
    """
    await demand.flush()
    today = demand.now().date()
    days = [await demand.store.read(today - timedelta(days=back)) for back in range(1, DAYS + 1)]
    known = [day for day in days if day] or [day for day in [await demand.store.read(today)] if day]
    mean = await in_slices(averaging(known))
    return History(mean, len(known), _local_share(known[0]) if known else None)


async def counted(demand: Demand) -> Mapping[Owner, float]:
    """Return the calls of today so far.

    Raises:
        LedgerUnavailable: Redis does not serve.
    """
    await demand.flush()
    return daily(await in_slices(averaging([await demand.store.read(demand.now().date())])))


def daily(hourly: Hourly) -> dict[Owner, float]:
    """Return the calls of the whole day."""
    return {owner: sum(hours) for owner, hours in hourly.items()}


def averaging(days: Sequence[Day]) -> Generator[None, None, Hourly]:
    """Return the mean calls in each hour, in slices."""
    hourly: defaultdict[Owner, list[float]] = defaultdict(lambda: [0.0] * HOURS)
    for day in days:
        for called, count in day.items():
            yield
            if called.skill_group_id and not called.level:
                hours = hourly[called.skill_group_id, called.place]
                hours[called.hour % HOURS] += count / len(days)
    return dict(hourly)


def _local_share(day: Day) -> float | None:
    """The share of a day's calls that had a local match."""
    levels: Counter[str] = Counter()
    for called, count in day.items():
        levels[called.level] += count
    local = sum(levels[level] for level in LOCAL)
    total = local + levels["near"] + levels["any"] + levels[REFUSED]
    return local / total if total else None


async def coverage(
    inventory: Inventory, glance: Describe, known: History, *, buy: int, tomorrow: datetime
) -> Coverage:
    """Plan for an instance, in slices between which others run.

    Args:
        inventory: its numbers.
        glance: tells the cap of each.
        known: its demand.
        buy: how many numbers to place.
        tomorrow: its first instant, in the instance's zone.
    """
    lots = await in_slices(_lots(inventory, glance))
    demand = daily(known.hourly)
    commonest = Counter(lot.calls for lot in lots).most_common(1)
    calls = commonest[0][0] if commonest else inf
    plan = await in_slices(planning(lots, demand, buy, calls))
    spent = await in_slices(exhausting(plan.supply, known.hourly))
    foretold = plan.foretold
    unknown = {group for group, _ in demand if not inventory.knows_group(group)}
    return Coverage(
        instance_id=inventory.instance_id,
        days=known.days,
        buy=tuple(map(_to_buy, plan.buy)),
        idle=tuple(IdleNumbers(**_place(owner), count=idle) for owner, idle in plan.idle.items()),
        exhausted=tuple(
            ExhaustedPlace(**_place(owner), at=tomorrow + timedelta(hours=hour))
            for owner, hour in spent
        ),
        foretold={level: round(served, 1) for level, served in foretold.items()},
        ratio=_ratio(known.local_share, foretold, sum(demand.values())),
        unknown_groups=tuple(sorted(unknown)),
    )


def _to_buy(purchase: Purchase) -> ToBuy:
    instead = {level: round(calls, 1) for level, calls in purchase.instead.items()}
    gain = round(purchase.gain, 1)
    return ToBuy(**_place(purchase.owner), count=purchase.count, gain=gain, instead=instead)


def _place(owner: Owner) -> dict[str, str]:
    group, place = owner
    named = {"province": place.province, "city": place.city, "area_code": place.area_code}
    return {"skill_group_id": group, **named}


def _ratio(share: float | None, foretold: Served, calls: float) -> float | None:
    best = sum(foretold[level] for level in LOCAL)
    return round(share * calls / best, 3) if share is not None and best else None


def _lots(inventory: Inventory, glance: Describe) -> Generator[None, None, list[Lot]]:
    """The candidates of skill groups, those together that are alike."""
    counts: Counter[tuple[Locality, tuple[str, ...], float]] = Counter()
    for some in glanced(inventory, glance):
        yield
        for groups, place, use in some:
            counts[place, tuple(sorted(groups)), use.max_per_day or inf] += 1
    return [Lot(*alike, count) for alike, count in counts.items()]


def glanced(
    inventory: Inventory, glance: Describe
) -> Iterator[list[tuple[set[str], Locality, Glance]]]:
    """Look at the candidates of skill groups, some at a time: their groups, place and use."""
    left = iter(inventory.homes())
    while some := list(itertools.islice(left, SCANNED)):
        looked = (
            (inventory.numbers[number], use) for number, use in zip(some, glance(some), strict=True)
        )
        yield [
            (set(own.skill_group_ids), Locality(own.province, own.city, own.area_code), use)
            for own, use in looked
            if not own.agent_id
        ]
