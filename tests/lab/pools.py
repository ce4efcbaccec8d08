"""Pools that fall as a whole, and numbers of two groups."""

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from random import Random

from service.health.rules import QUARANTINED, HealthRecord
from tests.lab.pool import FIRST_DAY, HOURS, Pool, local_numbers, provinces
from tests.lab.table import Row, Table

NUMBERS = 200
SETTLED_DAYS, FALLEN_DAYS, SHARED_DAYS = 10, 20, 60
SHARED, POOLS = 60, 4  # four pools a seed
COLD_PART = 0.7  # of the calls of numbers that both groups have


def fall(bad: int, seed: int, numbers: int = NUMBERS) -> tuple[int, int, float]:
    """Let some numbers fall by half: how many of them and of the others go, the least ratio."""
    pool = Pool(local_numbers(provinces(Random(seed)), numbers, 20), seed)
    gone, least = set[int](), 1.0
    for day in range(SETTLED_DAYS + FALLEN_DAYS):
        if day == SETTLED_DAYS:
            for number in Random(seed).sample(pool.numbers, bad):
                number.ratio = 0.5
        judged = pool.pass_day()
        gone |= {one.number for one in judged if one.transition.after == QUARANTINED}
        ratio = pool.strata.answered_ratio("sales", (FIRST_DAY + day) * 24 + max(HOURS) + 1)
        least = min(least, ratio if day > SETTLED_DAYS and ratio is not None else 1.0)
    fallen = sum(pool.numbers[index].ratio < 1 for index in gone)
    return fallen, len(gone) - fallen, least


def fallen_rows(seeds: Sequence[int]) -> Iterator[Row]:
    for bad in (0, 60, 100, 140, 200):
        for seed in seeds:
            yield bad, seed, *fall(bad, seed)


def quarantined_of_two_groups(days: int, seed: int) -> int:
    """How many quarantines there are of 60 numbers that a warm group shares with a cold one."""
    randomness = Random(seed)
    warm, cold = provinces(randomness, "warm", 0.45), provinces(randomness, "cold", 0.15)
    shared, others = local_numbers(warm, SHARED, 20), local_numbers(warm, 140, 20)
    for number in shared:
        steps = [after - before for before, after in pairwise([0.0, *number.weights])]
        parts = [(1 - COLD_PART) * step for step in steps] + [COLD_PART * step for step in steps]
        number.circles, number.weights = [*warm, *cold], list(accumulate(parts))
        number.groups = ("cold", "warm")
    for number in others:
        number.groups = ("warm",)
    pool, gone = Pool([*shared, *others], seed), 0
    for _ in range(days):
        for judged in pool.pass_day():
            if judged.transition.after == QUARANTINED:
                pool.numbers[judged.number].record = HealthRecord()
                gone += judged.number < len(shared)
    return gone


def shared_rows(seeds: Sequence[int]) -> Iterator[Row]:
    total, years = 0, POOLS * SHARED * SHARED_DAYS / 365
    for seed in seeds:
        pools = range(POOLS * seed, POOLS * (seed + 1))
        gone = sum(quarantined_of_two_groups(SHARED_DAYS, pool) for pool in pools)
        total += gone
        yield seed, years, gone, gone / years
    years *= len(seeds)
    yield "all", years, total, total / years


TABLES = (
    Table(
        "fallen-pools",
        "Of a pool of 200 so many are answered half as often. At most a fifth of it goes; the "
        "alert is for a ratio below 0.75.",
        ("bad", "seed", "bad ones quarantined", "others", "least answered_ratio"),
        fallen_rows,
    ),
    Table(
        "two-groups",
        "Numbers of a group that is answered 45 % make 70 % of their calls for one at 15 %: they "
        "go no more often than equals do, at most 0.02 a number and year.",
        ("seed", "number-years", "quarantined", "a number and year"),
        shared_rows,
    ),
)
