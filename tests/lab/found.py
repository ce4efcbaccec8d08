"""How many calls a number makes from its fall to its quarantine."""

from collections.abc import Iterator, Sequence
from random import Random
from statistics import median

from service.health.rules import QUARANTINED
from tests.lab.pool import Pool, local_numbers, provinces
from tests.lab.table import Row, Table

NUMBERS, BAD, POOLS = 200, 3, 4  # four pools a seed: twelve numbers that fall
SETTLED_DAYS, PATIENCE_DAYS = 15, 60
CASES = ((0.5, 20, 150), (0.37, 20, 100), (0.7, 60, 400))
NEVER = 1_000_000


def calls_until_found(
    ratio: float, calls_a_day: int, seed: int, numbers: int = NUMBERS
) -> list[int]:
    """The calls of each number that falls once the pool is known; `NEVER` if it stays."""
    pool = Pool(local_numbers(provinces(Random(seed)), numbers, calls_a_day), seed)
    for _ in range(SETTLED_DAYS):
        pool.pass_day()
    before = {
        index: pool.numbers[index].made
        for index in range(numbers // BAD - 1, numbers, numbers // BAD)
    }
    found: dict[int, int] = {}
    for index in before:
        pool.numbers[index].ratio = ratio
    for _ in range(PATIENCE_DAYS):
        for judged in pool.pass_day():
            if judged.transition.after == QUARANTINED and judged.number in before:
                found.setdefault(judged.number, judged.made - before[judged.number])
        if len(found) == len(before):
            break
    return [found.get(index, NEVER) for index in before]


def rows(seeds: Sequence[int]) -> Iterator[Row]:
    for ratio, calls_a_day, most in CASES:
        total: list[int] = []
        for seed in seeds:
            pools = range(POOLS * seed, POOLS * (seed + 1))
            calls = [made for pool in pools for made in calls_until_found(ratio, calls_a_day, pool)]
            total += calls
            yield ratio, calls_a_day, seed, *_summed(calls), most
        yield ratio, calls_a_day, "all", *_summed(total), most


def _summed(calls: Sequence[int]) -> tuple[str, float]:
    """How many were found, and the median of their calls: of twelve it is a tenth off by chance."""
    return f"{sum(made < NEVER for made in calls)} of {len(calls)}", median(calls)


TABLES = (
    Table(
        "found",
        "Numbers of a pool of 200 that are answered at 36 % fall to a part of it.",
        ("answered ×", "calls a day", "seed", "found", "calls in the median", "of at most"),
        rows,
    ),
)
