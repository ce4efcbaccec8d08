"""How often a number as good as the others is quarantined."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from random import Random

from service.health.rules import QUARANTINED, HealthRecord
from tests.lab.pool import Pool, local_numbers, provinces
from tests.lab.table import Row, Table

NUMBERS, YEARS = 200, 2
HOURS = (2, 5, 7, 10)  # the calls of a day in fewer hours than `found` has: as many, sooner done
OUTAGE_DAYS = 0.1  # in such a part of the days there is an outage of an hour

Outages = Callable[[Random], dict[int, set[int]]]


def no_outage(_: Random) -> dict[int, set[int]]:
    return {}


def outage(randomness: Random, numbers: int) -> dict[int, set[int]]:
    """On some days an hour in which nearly nobody is reached: by all numbers, or by a third."""
    if randomness.random() >= OUTAGE_DAYS:
        return {}
    third = set(range(randomness.randrange(3), numbers, 3))
    return {randomness.choice(HOURS): randomness.choice([set(range(numbers)), third])}


def false_quarantines(
    pool: Pool, days: int, randomness: Random, outages: Outages = no_outage
) -> int:
    """How many there were; each number begins anew after one."""
    count = 0
    for _ in range(days):
        for judged in pool.pass_day(HOURS, outages(randomness)):
            if judged.transition.after == QUARANTINED:
                pool.numbers[judged.number].record = HealthRecord()
                count += 1
    return count


def rows(seeds: Sequence[int], calls_a_day: int, sd: float, outages: Outages) -> Iterator[Row]:
    total = 0
    for seed in seeds:
        randomness = Random(seed)
        numbers = local_numbers(provinces(randomness, sd=sd), NUMBERS, calls_a_day)
        count = false_quarantines(Pool(numbers, seed), 365 * YEARS, randomness, outages)
        total += count
        yield seed, NUMBERS * YEARS, count, count / (NUMBERS * YEARS)
    years = NUMBERS * YEARS * len(seeds)
    yield "all", years, total, total / years


COLUMNS = ("seed", "number-years", "quarantined", "a number and year")
TABLES = (
    Table(
        "peace",
        "A pool of equals, 20 calls a number and day: at most 0.02 a number and year.",
        COLUMNS,
        partial(rows, calls_a_day=20, sd=0.0, outages=no_outage),
    ),
    Table(
        "peace-provinces",
        "The same, the provinces apart by 0.5 in the logit: at most 0.02.",
        COLUMNS,
        partial(rows, calls_a_day=20, sd=0.5, outages=no_outage),
    ),
    Table(
        "peace-outages",
        "The same, and each ten days an hour's outage of all or a third of them: at most 0.02.",
        COLUMNS,
        partial(rows, calls_a_day=20, sd=0.5, outages=partial(outage, numbers=NUMBERS)),
    ),
    Table(
        "peace-busy",
        "A pool of equals, 60 calls a number and day: at most 0.02.",
        COLUMNS,
        partial(rows, calls_a_day=60, sd=0.5, outages=no_outage),
    ),
)
