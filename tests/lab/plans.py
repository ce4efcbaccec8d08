"""How good and how quick a coverage plan is, beside the best there is by linear programming."""

import gc
import time
from collections.abc import Iterator, Mapping, Sequence
from random import Random

from service.coverage.market import Lot, Owner
from service.coverage.planning import CoveragePlan, planning
from service.tasks import at_once
from tests.lab.optimum import Optimum, worth_of
from tests.lab.places import CALLS, problem
from tests.lab.table import Row, Table

CITIES, NUMBERS, GROUPS, BUY = 361, 10_000, 3, 500
TIMES = 5  # of which the quickest counts: the others were held up


def timed(lots: Sequence[Lot], demand: Mapping[Owner, float]) -> tuple[CoveragePlan, float]:
    """Make a plan; returns it and its time, in ms of this thread."""
    start = time.thread_time()
    plan = at_once(planning(lots, demand, BUY, CALLS))
    return plan, 1000 * (time.thread_time() - start)


def longest_step(lots: Sequence[Lot], demand: Mapping[Owner, float]) -> float:
    """Make a plan; returns the longest time, in ms of this thread, that others wait for a turn."""
    last, longest = time.thread_time(), 0.0
    for _ in planning(lots, demand, BUY, CALLS):
        now = time.thread_time()
        last, longest = now, max(longest, now - last)
    return 1000 * max(longest, time.thread_time() - last)


def rows(seeds: Sequence[int]) -> Iterator[Row]:
    for seed in seeds:
        lots, demand = problem(Random(seed), cities=CITIES, numbers=NUMBERS, groups=GROUPS)
        gc.freeze()  # as the service has done with all that was there before
        plans = [timed(lots, demand) for _ in range(TIMES)]
        longest = min(longest_step(lots, demand) for _ in range(TIMES))
        gc.unfreeze()
        before, after = worth_of(plans[0][0], demand, CALLS)
        best = Optimum(lots, demand).worth()
        gain = Optimum(lots, demand, BUY, CALLS).worth() - best
        quickest = min(taken for _, taken in plans)
        yield seed, before / best, (after - before) / gain, quickest, longest


TABLES = (
    Table(
        "plans",
        "361 cities, 10,000 numbers, 3 groups and 500 to buy: a plan is worth at least 0.99 of the "
        "best by linear programming, which may divide numbers, and what it buys gains at "
        "least 0.98 of the best; it takes at most 50 ms, and no step of it 1 ms.",
        ("seed", "value", "gain", "ms", "ms of the longest step"),
        rows,
    ),
)
