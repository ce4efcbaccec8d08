"""How long a quarantined number takes to its full duty, and what becomes of one that stays bad."""

from collections.abc import Iterator, Sequence
from random import Random
from statistics import median

from service.health.rules import HEALTHY, QUARANTINED
from tests.lab.pool import Pool, local_numbers, provinces
from tests.lab.table import Row, Table

NUMBERS, BAD, DAYS = 200, 8, 60
SETTLED_DAYS = 15


def return_of(
    seed: int, *, wears_off: bool, numbers: int = NUMBERS
) -> tuple[list[int], list[int], int]:
    """Let eight numbers fall to 0.37 × and be quarantined.

    Args:
        seed: of the pool.
        wears_off: they are sound again once they are in quarantine.
        numbers: of the pool.

    Returns:
        The days from quarantine to full duty and to the first relapse, of those that came to it,
        and how many were quarantined.
    """
    pool = Pool(local_numbers(provinces(Random(seed)), numbers, 40), seed)
    fallen = range(0, numbers, numbers // BAD)
    since, full, relapsed = dict[int, int](), dict[int, int](), dict[int, int]()
    for day in range(SETTLED_DAYS + DAYS):
        for index in fallen if day == SETTLED_DAYS else ():
            pool.numbers[index].ratio = 0.37
        for judged in pool.pass_day():
            index, after = judged.number, judged.transition.after
            if index not in fallen:
                continue
            if after == QUARANTINED and index not in since:
                since[index] = day
                pool.numbers[index].ratio = 1.0 if wears_off else 0.37
            elif after == QUARANTINED and index not in full:
                relapsed.setdefault(index, day - since[index])
            elif after == HEALTHY:
                full.setdefault(index, day - since[index])
    return list(full.values()), list(relapsed.values()), len(since)


def rows(seeds: Sequence[int]) -> Iterator[Row]:
    for wears_off in (True, False):
        for seed in seeds:
            full, relapsed, quarantined = return_of(seed, wears_off=wears_off)
            yield (
                "wears off" if wears_off else "stays",
                seed,
                quarantined,
                len(full),
                median(full) if full else "-",
                len(relapsed),
                median(relapsed) if relapsed else "-",
            )


TABLES = (
    Table(
        "returns",
        "Numbers at 0.37 × of 40 calls a day: sound again in quarantine, or as bad as before.",
        ("label", "seed", "quarantined", "full duty", "after days", "relapsed", "after days "),
        rows,
    ),
)
