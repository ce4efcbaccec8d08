"""`make bench BASE=DIR`: what a pick costs in this checkout to what it costs in another.

Both are up at once over one Redis and one emulator, each with an instance of its own and the same
numbers and settings. They take turns, the order swapped each round. Many short turns say more than
few long ones: what else the machine does lasts for seconds, and is then in both sides of a round.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from tests.bench.alternating import (
    Rounds,
    Side,
    Turn,
    cpu,
    measure,
    p50,
    p99,
    per_second,
    redis_time,
)
from tests.bench.comparison import HEADER, Comparison, Pairs, compared
from tests.bench.load import Load
from tests.bench.stage import ALL_RULES, ROOT, Stage
from tests.bench.table import as_json
from tests.bench.warm import GROUPS, numbers_of

NUMBERS = 1000
SECONDS = 0.35  # of a turn
ROUNDS, QUICK_ROUNDS = 60, 30  # an even count has both orders equally often


class Figure(msgspec.Struct, frozen=True):
    """Something that a turn measures."""

    name: str
    unit: str
    value: Callable[[Turn], float]
    more_is_better: bool = False


class Case(msgspec.Struct, frozen=True):
    """How both are set up and loaded, and what is read of it."""

    name: str
    figures: tuple[Figure, ...]
    rules: str = ""
    is_embedded: bool = False
    load: Load = Load(GROUPS[:1], seconds=SECONDS)


PICKS = Figure("picks/s", "/s", per_second, more_is_better=True)
P99 = Figure("p99 at 64 connections", "ms", p99)
CPU = Figure("CPU a pick", "µs", cpu)
REDIS_TIME = Figure("Redis's own time a pick", "µs", redis_time)
MEDIAN = Figure("median", "ms", p50)

CASES = (
    Case("Redis, rotation", (PICKS, CPU, REDIS_TIME)),
    Case("Redis, all rules", (PICKS, P99, REDIS_TIME), ALL_RULES),
    Case("all rules, three groups", (PICKS,), ALL_RULES, load=Load(GROUPS, seconds=SECONDS)),
    Case(
        "all rules, an outcome a pick",
        (PICKS,),
        ALL_RULES,
        load=Load(GROUPS[:1], seconds=SECONDS, outcomes=True),
    ),
    Case("embedded, rotation", (PICKS,), is_embedded=True),
    Case(
        "Redis, one connection",
        (MEDIAN,),
        load=Load(GROUPS[:1], connections=1, seconds=SECONDS),
    ),
)
QUICK_CASES = CASES[:2]


def main(base: Path, cases: Sequence[Case], rounds: int) -> int:
    """Measure and print; the status is 1 if a row is slower.

    Args:
        base: the folder of the other checkout.
        cases: what to measure.
        rounds: of each case.
    """
    print(HEADER)
    rows = []
    for row in _compared(base, cases, rounds):
        print(row.text, flush=True)
        rows.append(row)
    print(as_json(rows))
    return int(any(row.verdict == "slower" for row in rows))


def _compared(base: Path, cases: Sequence[Case], rounds: int) -> Iterator[Comparison]:
    """Measure case by case, and yield the rows of each as soon as it is over."""
    for case in cases:
        with Stage() as stage:
            measured = measure(_sides(stage, case, base), rounds)
        yield from (compared(_pairs(case, figure, measured)) for figure in case.figures)


def _sides(stage: Stage, case: Case, base: Path) -> dict[str, Side]:
    roots = {"this": ROOT, "base": base}
    redis = None if case.is_embedded else stage.empty_redis()
    url = redis.url if redis is not None else ""
    stage.emulator(numbers_of(NUMBERS, case.load.groups), tuple(roots))
    return {
        name: Side(stage.service_of(root, name, url, case.rules), case.load, redis)
        for name, root in roots.items()
    }


def _pairs(case: Case, figure: Figure, rounds: Rounds) -> Pairs:
    this, base = ([figure.value(turn) for turn in rounds[name]] for name in ("this", "base"))
    return Pairs(f"{figure.name}, {case.name}", figure.unit, this, base, figure.more_is_better)
