"""A pool of numbers over simulated days, an hour a step, judged by the rules themselves.

Calls are drawn, not picked: what a pick would choose is no part of this. `regions` has the ledger.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import accumulate
from math import exp, log
from random import Random

import msgspec

from service.health.pools import Dispersion, Guard
from service.health.rates import Tally
from service.health.rules import (
    DAY,
    HEALTHY,
    HOUR,
    QUARANTINED,
    HealthRecord,
    Transition,
    aged,
    daily_cap,
    due_hours,
    judge,
)
from service.health.strata import BAND_HOURS, USUAL_DAYS, Calls, Count, Strata
from service.tasks import at_once

FIRST_DAY = 20_000
# Hours of a day in which calls are made, in UTC, and how people answer then.
HOURS = {1: 0.8, 2: 0.85, 3: 1.0, 4: 1.0, 5: 0.85, 6: 0.9, 7: 1.0, 8: 1.1, 9: 1.2, 10: 1.2}
BASE = 0.36
PROVINCES = 31


class Circle(msgspec.Struct, frozen=True):
    """Calls of one group to one province, and how they are answered at an average hour."""

    group: str
    province: str
    rate: float


class Number(msgspec.Struct):
    """A number: the circles of its calls with their cumulated weights, and its calls a day.

    Whoever shows it is answered `ratio` times as often as with a sound one.
    """

    circles: Sequence[Circle]
    weights: Sequence[float]
    calls_a_day: int
    groups: tuple[str, ...] = ("sales",)
    place: str = ""
    ratio: float = 1.0
    record: HealthRecord = HealthRecord()
    made: int = 0
    carried: float = 0.0  # of a call, to the next hour


class Judged(msgspec.Struct, frozen=True):
    """A change of state: of which number, after how many calls of its, on which day, and why."""

    number: int
    made: int
    day: int
    transition: Transition


class Pool:
    """Numbers, and the calls of their last days.

    Args:
        numbers: all of them.
        seed: decides who answers.
    """

    def __init__(self, numbers: Sequence[Number], seed: int) -> None:
        self.numbers = numbers
        self.day = FIRST_DAY
        self.strata = Strata(FIRST_DAY, Calls(), Calls(), Calls())
        self._days: defaultdict[int, Calls] = defaultdict(Calls)
        self._random = Random(f"calls of {seed}")  # apart from what made the numbers

    def pass_day(
        self, hours: Sequence[int] = tuple(HOURS), outages: dict[int, set[int]] | None = None
    ) -> list[Judged]:
        """Make a day's calls and judge after each hour; returns what changed.

        Args:
            hours: in which calls are made.
            outages: by hour the numbers of which three in ten are answered of the usual.
        """
        day, judged = self.day, list[Judged]()
        earlier = Calls()
        for past in range(day - USUAL_DAYS, day - 1):
            at_once(earlier.adding(self._days[past]))
        for past in [past for past in self._days if past < day - USUAL_DAYS]:
            del self._days[past]
        for at in hours:
            hit = (outages or {}).get(at, set())
            made: Counter[tuple[str, str]] = Counter()
            answered: Counter[tuple[str, str]] = Counter()
            for index, number in enumerate(self.numbers):
                if number.record.state != QUARANTINED:
                    for tally in self._call(number, at, len(hours), 0.3 if index in hit else 1.0):
                        made[tally.group, tally.province] += tally.attempts
                        answered[tally.group, tally.province] += tally.answered
            for (group, province), calls in made.items():
                count = answered[group, province], calls
                self._days[day].add_stratum(group, province, at // BAND_HOURS, count)
                self._days[day].add_hour(group, at, count)
            self.strata = Strata(day, self._days[day], self._days[day - 1], earlier)
            judged += self._judge((day * 24 + at + 1) * HOUR)
        self.day += 1
        return judged

    def _call(self, number: Number, at: int, hours: int, working: float) -> list[Tally]:
        cap = daily_cap(number.record) or number.calls_a_day
        due = number.carried + min(number.calls_a_day, cap) / hours
        calls, number.carried = int(due), due % 1
        number.made += calls
        chance, level = self._random.random, HOURS[at] * number.ratio * working
        counts: dict[int, Count] = {}
        called = range(len(number.circles))
        for circle in self._random.choices(called, cum_weights=number.weights, k=calls):
            answered, made = counts.get(circle, (0, 0))
            is_answered = chance() < number.circles[circle].rate * level
            counts[circle] = answered + is_answered, made + 1
        tallies = [
            Tally(
                self.day * 24 + at,
                *count,
                number.circles[circle].group,
                number.circles[circle].province,
            )
            for circle, count in counts.items()
        ]
        record = number.record
        number.record = msgspec.structs.replace(record, tallies=(*record.tallies, *tallies))
        return tallies

    def _judge(self, now: int) -> list[Judged]:
        guard, dispersion, judged = Guard(), Dispersion(), list[Judged]()
        due = [due_hours(number.record, self.strata, now) for number in self.numbers]
        for number, hours in zip(self.numbers, due, strict=True):
            guard.add(number.groups, number.place, is_out=number.record.state != HEALTHY)
            for hour in hours:
                dispersion.add(hour)
        for index, number in enumerate(self.numbers):
            before = aged(number.record, due[index], dispersion, now)
            after, transition = judge(before, now)
            is_going = before.state == HEALTHY and after.state == QUARANTINED
            if is_going and not guard.spare(number.groups, number.place):
                after, transition = before, None
            number.record = after
            if transition is not None:
                judged.append(Judged(index, number.made, now // DAY, transition))
        return judged


def provinces(
    randomness: Random, group: str = "sales", base: float = BASE, sd: float = 0.0
) -> list[Circle]:
    """All provinces of a group, apart by so much in the logit of their rates."""
    middle = log(base / (1 - base))
    logits = [randomness.gauss(middle, sd) for _ in range(PROVINCES)]
    return [
        Circle(group, f"{index:02}", 1 / (1 + exp(-logit))) for index, logit in enumerate(logits)
    ]


def local_numbers(
    circles: Sequence[Circle], count: int, calls_a_day: int, local: float = 0.7
) -> list[Number]:
    """Numbers spread over the provinces: most of their calls go to their own, the rest to all."""
    numbers = []
    for index in range(count):
        home = index * len(circles) // count
        others = (1 - local) / len(circles)
        weights = [others + local * (at == home) for at in range(len(circles))]
        numbers.append(Number(circles, list(accumulate(weights)), calls_a_day, place=f"{home:02}"))
    return numbers
