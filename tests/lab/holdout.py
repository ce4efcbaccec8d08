"""What the holdout finds, and how often it finds what is not there: simulated days of calls.

The test is the service's, done for many experiments at once and held to it; the service looks once
a day. Callees are of two kinds, who answer more and less, so that calls of one callee are alike.
"""

from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.experiment.arms import BUCKETS, ArmCalls
from service.experiment.difference import FEWEST_CALLS, SURENESS, difference
from service.settings import ExperimentSettings
from tests.lab.table import Row, Table

HOLDOUT = 0.1
MINIMUM_EFFECT = ExperimentSettings().minimum_effect
KINDS = (0.14, 0.46)  # how many of the calls they answer; half of the callees are of either kind
NEVER = 10**9
TINY = 1e-12
ROUNDING = 1e-9

Counts = NDArray[np.int64]  # by experiment, arm and bucket


class Case(NamedTuple):
    """A truth, the calls by which it is looked for, and how many experiments look for it."""

    effect: float
    new_callees: int  # a day
    most_calls: int  # of a callee, on one day: as many have one as two, and so on
    days: int
    looks_a_day: int = 1
    experiments: int = 400


class Found(NamedTuple):
    """The day on which an experiment stopped, and whether all its intervals had the truth in."""

    day: int
    is_right: bool


CASES = (
    Case(0.0, 2000, 5, 60),
    Case(0.0, 2000, 5, 60, looks_a_day=12, experiments=100),
    Case(0.02, 6000, 1, 22),
    Case(0.02, 2000, 5, 22),
    Case(0.01, 6000, 1, 60),
)


def experiments(case: Case, seed: int) -> list[Found]:
    """Run the experiments of a case at once, each until it stops by itself or the days are over."""
    randomness = np.random.default_rng(seed)
    calls = np.zeros((case.experiments, 2, len(BUCKETS)), dtype=np.int64)
    answered = np.zeros_like(calls)
    days, right = np.full(case.experiments, NEVER), np.full(case.experiments, fill_value=True)
    for look in range(case.days * case.looks_a_day):
        more, more_answered = _calls(case, randomness)
        calls += more
        answered += more_answered
        low, high = _intervals(calls, answered)
        goes_on = days == NEVER
        right &= ~goes_on | ((low <= case.effect) & (case.effect <= high))
        days[goes_on & ((low > 0) | (high < 0))] = look // case.looks_a_day + 1
    _check(calls, answered)
    return list(map(Found, days.tolist(), right.tolist()))


def _intervals(calls: Counts, answered: Counts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The intervals of many experiments at once, endless while there are too few calls."""
    totals = calls.sum(axis=-1)
    shares = answered.sum(axis=-1) / np.maximum(totals, 1)
    squares = ((answered - shares[..., None] * calls) ** 2).sum(axis=-1)
    buckets = len(BUCKETS)
    variances = squares * buckets / (buckets - 1) / np.maximum(totals, 1) ** 2
    variance = np.maximum(variances.sum(axis=-1), TINY)
    mixed = variance + MINIMUM_EFFECT**2
    width = 2 * np.log(SURENESS) + np.log(mixed / variance)
    reach = np.sqrt(variance * mixed * width) / MINIMUM_EFFECT
    reach[totals.min(axis=-1) < FEWEST_CALLS] = np.inf
    value = shares[:, 0] - shares[:, 1]
    return value - reach, value + reach


def _check(calls: Counts, answered: Counts) -> None:
    """Hold the intervals to those of the service, which takes one experiment at a time."""
    lows, highs = _intervals(calls, answered)
    for at, pair in enumerate(zip(calls.tolist(), answered.tolist(), strict=True)):
        local, other = (list(map(ArmCalls, *arm)) for arm in zip(*pair, strict=True))
        compared = difference(local, other, MINIMUM_EFFECT)
        assert compared is not None
        assert abs(compared.low - lows[at]) + abs(compared.high - highs[at]) < ROUNDING


def _calls(case: Case, randomness: np.random.Generator) -> tuple[Counts, Counts]:
    """The calls between two looks and those answered, by experiment, arm and bucket."""
    shares = np.array([1 - HOLDOUT, HOLDOUT]) / len(BUCKETS) / len(KINDS) / case.most_calls
    callees = randomness.poisson(
        (shares * case.new_callees / case.looks_a_day)[:, None, None, None],
        (case.experiments, 2, len(BUCKETS), len(KINDS), case.most_calls),
    )
    calls = callees @ np.arange(1, case.most_calls + 1)
    rates = np.array([KINDS, KINDS]) + np.array([[case.effect], [0.0]])
    return calls.sum(axis=-1), randomness.binomial(calls, rates[:, None, :]).sum(axis=-1)


def rows(seeds: Sequence[int]) -> Iterator[Row]:
    for case in CASES:
        total: list[Found] = []
        for seed in seeds:
            total += (found := experiments(case, seed))
            yield *_named(case), seed, *_summed(found)
        yield *_named(case), "all", *_summed(total)


def _named(case: Case) -> Row:
    return case.effect, f"{case.new_callees} × 1-{case.most_calls}", case.looks_a_day, case.days


def _summed(found: Sequence[Found]) -> Row:
    days = [one.day for one in found]
    stopped = [day for day in days if day < NEVER]
    shares = [sum(day <= until for day in days) / len(days) for until in (14, 22, 60)]
    typical = median(stopped) if stopped else "-"
    return *shares, typical, sum(one.is_right for one in found) / len(found)


TABLES = (
    Table(
        "holdout",
        "A tenth of the callees is held out; callees answer 30 % and more by the effect.",
        (
            *("effect", "callees a day × calls", "looks a day", "days", "seed"),
            *("stopped by day 14", "by day 22", "by day 60", "median day", "intervals right"),
        ),
        rows,
    ),
)
