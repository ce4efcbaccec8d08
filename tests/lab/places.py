"""The cities of China by how many mobile prefixes they have, and made-up numbers and callees."""

from collections import Counter
from functools import cache
from importlib import resources
from random import Random

from service.coverage.market import Lot, Owner
from service.locality import Locality
from service.locality.table import read_table

CALLS = 40  # a day that a number may be used for
LOAD = 0.8  # of what all numbers may be used for
SHARED = 0.3  # of the numbers are in two groups


@cache
def all_cities() -> list[tuple[Locality, int]]:
    """Every city with its mobile prefixes, the largest first."""
    table = read_table(resources.files("phone").joinpath("phone.dat").read_bytes())
    counts = Counter(table.ids)
    placed = [(table.places[at], count) for at, count in counts.items() if at]
    return sorted((pair for pair in placed if pair[0].city), key=lambda pair: -pair[1])


def problem(
    randomness: Random, *, cities: int, numbers: int, groups: int
) -> tuple[list[Lot], dict[Owner, float]]:
    """Numbers and callees of some cities, apart from each other by chance."""
    chosen = randomness.sample(all_cities(), cities)
    places, weights = zip(*chosen, strict=True)
    names = [f"group-{at}@ccc-test" for at in range(groups)]
    demand: dict[Owner, float] = {}
    for name in names:
        sizes = [weight * randomness.lognormvariate(0, 0.6) for weight in weights]
        calls = numbers * CALLS * LOAD / groups / sum(sizes)
        demand |= {(name, place): size * calls for place, size in zip(places, sizes, strict=True)}
    lots: Counter[tuple[Locality, tuple[str, ...]]] = Counter()
    for place in randomness.choices(places, [weight**0.7 for weight in weights], k=numbers):
        held = randomness.sample(names, 1 + (groups > 1 and randomness.random() < SHARED))
        lots[place, tuple(sorted(held))] += 1
    return [Lot(place, held, CALLS, count) for (place, held), count in lots.items()], demand
