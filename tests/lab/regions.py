"""Does a region that answers less keep its local numbers: the ledger and the watch at work.

Picks, outcomes, the store and the looks are the service's own, in memory, on a clock that is moved.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from random import Random
from statistics import mean

from service.health import MemoryStore, NumberHealth
from service.inventory import LEVELS, Inventory, PhoneNumber, Wish, read_mark, steps_for
from service.ledger import Limits, LocalLedger, Outcome, Pick, Rules
from service.locality import Locality
from service.locality.prefix_table import read
from service.locality.table import read_table
from service.metrics import Metrics
from tests.lab.pool import BASE, FIRST_DAY, HOURS
from tests.lab.table import Row, Table

GROUP, REGION = "sales", "新疆"
PLACES, NUMBERS, CALLS_A_DAY = 10, 20, 40
RULES = Rules(limits={"": Limits(max_per_day=60)}, remembered=3_600_000)
DAYS = 60
BAD, BAD_SINCE = 2, 6  # numbers of the region that fall as well, and their first bad day
BAD_RATIO = 0.37
HOUR_MS = 3_600_000
CASES = (0.4, 0.45, 0.5, 0.55, 0.6)  # one a seed


def places() -> list[tuple[Locality, int]]:
    """The region's largest city, and the others that are nearest to it in prefixes; with these."""
    table = read_table(read())
    prefixes = Counter(table.places[place] for place in table.ids)
    cities = [(place, size) for place, size in prefixes.most_common() if place.city]
    home = next(city for city in cities if city[0].province == REGION)
    others = [city for city in cities if city[0].province != REGION]
    others.sort(key=lambda city: abs(city[1] - home[1]))
    return [home, *others[: PLACES - 1]]


class Simulation:
    """Ten cities with twenty numbers each; one of them answers a part of what the others do.

    Args:
        ratio: that part.
        seed: decides who is called and who answers.
    """

    def __init__(self, ratio: float, seed: int) -> None:
        self._ratio = ratio
        self._random = Random(seed)
        self._hour = FIRST_DAY * 24
        self._calls = count()
        self._cities = places()
        inventory = Inventory(
            GROUP,
            1,
            [
                PhoneNumber(
                    f"{place.area_code}{5_550_000 + index}",
                    place.province,
                    place.city,
                    place.area_code,
                    skill_group_ids=(GROUP,),
                )
                for place, _ in self._cities
                for index in range(NUMBERS)
            ],
        )
        self._steps = [
            steps_for(inventory, place, Wish((GROUP,)), LEVELS) for place, _ in self._cities
        ]
        self.local = [own.number for own in inventory.numbers.values() if own.province == REGION]
        self._ledger = LocalLedger(lambda: self._hour * HOUR_MS)
        self._ledger.rule(RULES)
        self._ledger.replace(inventory)
        self.health = NumberHealth(
            GROUP,
            MemoryStore(),
            self._ledger,
            inventory=lambda: inventory,
            clock=lambda: self._hour * 3600.0,
            metrics=Metrics(),
        )

    async def pass_day(self, bad: Sequence[str] = ()) -> float:
        """Make a day's calls; returns the part of the region's calls that had a number of its own.

        Args:
            bad: numbers that have fallen.
        """
        matches = calls = 0
        day, weights = self._hour // 24, [size for _, size in self._cities]
        for at in HOURS:
            self._hour = day * 24 + at
            asked = self._random.choices(
                range(PLACES), weights, k=PLACES * NUMBERS * CALLS_A_DAY // len(HOURS)
            )
            for place in asked:
                level = self._call(place, HOURS[at], bad)
                if place == 0:
                    calls, matches = calls + 1, matches + (level == "city")
            self._hour += 1
            await self.health.write()
            await self.health.look()
            await self._ledger.take_back()
        self._hour = (day + 1) * 24
        return matches / calls

    def _call(self, place: int, hourly: float, bad: Sequence[str]) -> str:
        call = str(next(self._calls))
        picked = self._ledger.apply_now(Pick(dry_run=False, steps=self._steps[place], call=call))
        followed = self._ledger.apply_now(Outcome(call, "", "", final=True))
        assert followed.uses == picked.uses
        ((number, used),) = followed.uses
        ratio = (1 if place else self._ratio) * (BAD_RATIO if number in bad else 1)
        is_answered = self._random.random() < BASE * hourly * ratio
        mark = read_mark(used)
        self.health.note(number, "answered" if is_answered else "no_answer", mark)
        return mark.level


async def region(ratio: float, seed: int, days: int = DAYS, bad: int = BAD) -> Row:
    """Let a region be answered so much less for some days.

    Returns:
        Its city matches, of one, in the first and the last ten days; how many of its bad numbers
        were taken out, and of its good ones.
    """
    simulation = Simulation(ratio, seed)
    fallen = simulation.local[:bad]
    matches = [await simulation.pass_day(fallen if day >= BAD_SINCE else ()) for day in range(days)]
    out = set(await simulation.health.shown(simulation.local))  # whoever was ever out
    caught = len(out & set(fallen))
    return mean(matches[:10]), mean(matches[-10:]), caught, len(out) - caught


def rows(seeds: Sequence[int]) -> Iterator[Row]:
    for seed in seeds:
        ratio = CASES[seed % len(CASES)]
        yield ratio, seed, *asyncio.run(region(ratio, seed))


TABLES = (
    Table(
        "regions",
        "Ten cities have twenty numbers each; 新疆 answers a part of what the others do, and two "
        "of its numbers fall to 0.37 × on day 6: it keeps at least 0.98 of its city matches.",
        ("answered ×", "seed", "days 1–10", "days 51–60", "bad ones out", "good ones out"),
        rows,
    ),
)
