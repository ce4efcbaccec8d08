"""Who can be shown a local number: supply and demand of one skill group over the tree of places.

A callee's city lies within an area code, the code within a province, and all of them within one
country. Numbers serve callees of their own place first; what is left over goes one place up. As a
nearer match is never worth less, serving the nearest first is the best that can be done, and what
one number more is worth is found on its way up: four places.
"""

from functools import lru_cache

from service.inventory import Node
from service.inventory.pools import LEVELS, place_at
from service.locality import Locality

# What a call is worth by the level of its match; of a call that is refused, nothing.
WORTH = {"city": 1.0, "area_code": 0.95, "province": 0.7, "any": 0.1}
PLACES = 4096  # remembered, of the hundreds that there are
LOCAL = ("city", "area_code", "province")

COUNTRY = "any", "*"

Served = dict[str, float]  # calls a day by the level of their match


class _Balance:
    """What comes to a place, and from the places within it: calls a day."""

    __slots__ = ("demand", "level", "served", "supply", "worth")

    def __init__(self, level: str) -> None:
        self.level = level
        self.worth = WORTH[level]
        self.supply = self.demand = self.served = 0.0

    def settle(self, supply: float, demand: float) -> float:
        """Set both; returns how many calls more are served here."""
        before = self.served
        self.supply, self.demand = supply, demand
        self.served = min(supply, demand)
        return self.served - before


class Way:
    """The way up from a place: what its numbers and its callees leave goes from place to place."""

    __slots__ = ("_places",)

    def __init__(self, places: tuple[_Balance, ...]) -> None:
        self._places = places

    def add_supply(self, calls: float) -> None:
        """Let numbers of the place carry so many calls a day more."""
        left, met = calls, 0.0
        for place in self._places:
            more = place.settle(place.supply + left, place.demand - met)
            left, met = left - more, met + more

    def add_demand(self, calls: float) -> None:
        """Have so many callees of the place called a day more."""
        left, met = calls, 0.0
        for place in self._places:
            more = place.settle(place.supply - met, place.demand + left)
            left, met = left - more, met + more

    def gain(self, calls: float) -> Served:
        """Return how many calls more each level would have with so much more supply."""
        left, met, gained = calls, 0.0, {}
        for place in self._places:
            more = min(place.supply + left, place.demand - met) - place.served
            gained[place.level] = more
            left, met = left - more, met + more
        return gained

    def worth(self, calls: float) -> float:
        """Return what that gain is worth; the innermost loop of a plan, so `gain` is written out.

        Comparing by hand takes a quarter of the time of `min`.
        """
        left, met, worth = calls, 0.0, 0.0
        for place in self._places:
            supply, demand = place.supply + left, place.demand - met
            more = (supply if supply < demand else demand) - place.served  # noqa: FURB136
            worth += place.worth * more
            left -= more
            met += more
        return worth

    def missing(self) -> float:
        """Return the demand of the place that its own numbers leave."""
        place = self._places[0]
        return max(0.0, place.demand - place.supply)

    def idle_share(self) -> float:
        """Return the share of the supply of the place that no callee of its province takes."""
        share = 1.0
        for place in self._places[:-1]:
            if place.supply:
                share *= max(0.0, 1 - place.demand / place.supply)
        return share


class Flow:
    """The calls of one skill group that its numbers can serve, level by level."""

    def __init__(self) -> None:
        self._places: dict[Node, _Balance] = {}
        self._ways: dict[Locality, Way] = {}

    def way(self, at: Locality) -> Way:
        """Return the way up from a place."""
        way = self._ways.get(at)
        if way is None:
            nodes = path_of(at)
            way = Way(tuple(self._places.setdefault(node, _Balance(node[0])) for node in nodes))
            self._ways[at] = way
        return way

    def strangers(self) -> float:
        """Return the callees whom no number of their province is left for."""
        country = self._places.get(COUNTRY)
        return country.demand if country is not None else 0.0

    def served(self) -> Served:
        """Return the calls a day that are served, by level."""
        served = dict.fromkeys(LEVELS, 0.0)
        for place in self._places.values():
            served[place.level] += place.served
        return served


@lru_cache(PLACES)
def path_of(place: Locality) -> tuple[Node, ...]:
    """Return the places from this one up to the country, as pools have them."""
    named = (
        (level, place_at(level, place.province, place.city, place.area_code)) for level in LEVELS
    )
    return tuple(node for node in named if node[1])
