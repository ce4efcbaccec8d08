"""What `spare_first` brings: simulated days of calls over the ledger of a process."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from random import Random
from statistics import mean
from typing import Literal, get_args

from service.coverage.market import Owner
from service.coverage.spare import calls_left, spare_cities
from service.inventory import (
    LEVELS,
    Inventory,
    PhoneNumber,
    Step,
    Wish,
    shown_level,
    steps_for,
    with_spare_first,
)
from service.ledger import Limits, LocalLedger, Pick, Rules
from service.locality import Locality
from service.tasks import at_once
from tests.lab.places import all_cities
from tests.lab.table import Row, Table

GROUPS = tuple(f"group-{at}@ccc-test" for at in range(3))
MOST_A_DAY = 40
OPEN, CLOSE = 9, 21  # hours
HOUR = 3_600_000
START = 1_795_219_200_000 - 8 * HOUR  # midnight in UTC
LOOKS_AN_HOUR = 6

FIRST = 8  # cities tried first
LOADS = (0.8, 1.0)  # of what all numbers may be used for

Placement = Literal["even", "uneven", "half in one city"]
Order = Literal["mixed", "by province"]


def local_share(  # noqa: PLR0913 - what a day is made of
    seed: int, placement: Placement, order: Order, *, first: int, load: float, numbers: int = 300
) -> tuple[float, float]:
    """Simulate a day; returns the shares of its calls that were local, and that were served."""
    randomness = Random(seed)
    inventory = Inventory("ccc-test", 1, _numbers(randomness, placement, numbers))
    calls = _calls(randomness, order, round(numbers * MOST_A_DAY * load))
    now = START
    ledger = LocalLedger(lambda: now)
    ledger.replace(inventory)
    ledger.rule(Rules(limits={"": Limits(max_per_day=MOST_A_DAY)}))
    daily: Counter[Owner] = Counter(_calls(Random(seed + 1000), order, len(calls)))  # yesterday
    counted: Counter[Owner] = Counter()
    levels: Counter[str] = Counter()
    spare: Mapping[str, tuple[tuple[str, str], ...]] = {}
    span = (CLOSE - OPEN) * HOUR
    next_look = 0.0
    for at, (group, place) in enumerate(calls):
        done = at / len(calls)
        now = START + OPEN * HOUR + int(done * span)
        if first and done >= next_look:
            next_look += 1 / ((CLOSE - OPEN) * LOOKS_AN_HOUR)
            expected = {owner: count - counted[owner] for owner, count in daily.items()}
            left = at_once(calls_left(inventory, ledger.glance))
            spare = at_once(spare_cities(left, expected, first))
        counted[group, place] += 1
        wish = Wish((group,))
        steps = steps_for(inventory, place, wish, LEVELS)
        cities = [(group, city) for city in spare.get(group, ())]
        steps = with_spare_first(steps, inventory, place, wish, cities)
        uses = ledger.decide(_pick(steps)).picked.uses
        levels[shown_level(uses[0][1]) if uses else "refused"] += 1
    served = len(calls) - levels["refused"]
    return (served - levels["any"]) / len(calls), served / len(calls)


def _pick(steps: tuple[Step, ...]) -> Pick:
    return Pick(dry_run=False, steps=steps)


def _numbers(randomness: Random, placement: Placement, count: int) -> list[PhoneNumber]:
    places, weights = zip(*all_cities(), strict=True)
    power = 1.0 if placement == "even" else 0.3
    chosen = randomness.choices(places, [weight**power for weight in weights], k=count)
    if placement == "half in one city":
        one = randomness.choice(places[:50])
        chosen = [one] * (count // 2) + chosen[count // 2 :]
    return [
        PhoneNumber(
            f"0{10**9 + at}",
            place.province,
            place.city,
            place.area_code,
            skill_group_ids=tuple(randomness.sample(GROUPS, 1 + (randomness.random() < 0.3))),
        )
        for at, place in enumerate(chosen)
    ]


def _calls(randomness: Random, order: Order, count: int) -> Sequence[tuple[str, Locality]]:
    places, weights = zip(*all_cities(), strict=True)
    callees = randomness.choices(places, weights, k=count)
    calls = [(randomness.choice(GROUPS), place) for place in callees]
    if order == "mixed":
        return calls
    by_province: defaultdict[str, list[tuple[str, Locality]]] = defaultdict(list)
    for call in calls:
        by_province[call[1].province].append(call)
    provinces = [*by_province]
    randomness.shuffle(provinces)
    return [call for province in provinces for call in by_province[province]]


def rows(seeds: Sequence[int]) -> Iterator[Row]:
    kinds = product(get_args(Placement), get_args(Order), LOADS)
    for placement, order, load in kinds:
        gains = []
        for seed in seeds:
            before, after = (
                local_share(seed, placement, order, first=first, load=load)[0]
                for first in (0, FIRST)
            )
            gains.append(100 * (after - before))
        yield placement, order, load, mean(gains), min(gains)


TABLES = (
    Table(
        "spare",
        "What `spare_first = 8` brings in points of local matches: at least 2 where half of the "
        "numbers are in one city and lists are dialled province by province, and never below -0.2.",
        ("numbers", "calls", "load", "mean", "worst day"),
        rows,
    ),
)
