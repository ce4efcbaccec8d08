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

    __slots__ = ("demand", "level", "supply")

    def __init__(self, level: str) -> None:
        self.level = level
        self.supply = self.demand = 0.0


class Flow:
    """The calls of one skill group that its numbers can serve, level by level."""

    def __init__(self) -> None:
        self._places: dict[Node, _Balance] = {}
        self._paths: dict[Locality, tuple[_Balance, ...]] = {}

    def add_supply(self, at: Locality, calls: float) -> None:
        """Let numbers of a place carry so many calls a day more."""
        left, met = calls, 0.0
        for place, more in zip(self._path(at), self._more(at, calls), strict=True):
            place.supply += left
            place.demand -= met
            left, met = left - more, met + more

    def add_demand(self, at: Locality, calls: float) -> None:
        """Have so many callees of a place called a day more."""
        left, met = calls, 0.0
        for place in self._path(at):
            before = min(place.supply, place.demand)
            place.demand += left
            place.supply -= met
            more = min(place.supply, place.demand) - before
            left, met = left - more, met + more

    def gain(self, at: Locality, calls: float) -> Served:
        """Return how many calls more each level would have with so much more supply."""
        levels = (place.level for place in self._path(at))
        return dict(zip(levels, self._more(at, calls), strict=True))

    def worth(self, at: Locality, calls: float) -> float:
        """Return what so much more supply is worth."""
        changes = zip(self._path(at), self._more(at, calls), strict=True)
        return sum([WORTH[place.level] * more for place, more in changes])

    def missing(self, at: Locality) -> float:
        """Return the demand of a place that its own numbers leave."""
        place = self._path(at)[0]
        return max(0.0, place.demand - place.supply)

    def idle_share(self, at: Locality) -> float:
        """Return the share of the supply of a place that no callee of its province takes."""
        share = 1.0
        for place in self._path(at)[:-1]:
            if place.supply:
                share *= max(0.0, 1 - place.demand / place.supply)
        return share

    def strangers(self) -> float:
        """Return the callees whom no number of their province is left for."""
        country = self._places.get(COUNTRY)
        return country.demand if country is not None else 0.0

    def served(self) -> Served:
        """Return the calls a day that are served, by level."""
        served = dict.fromkeys(LEVELS, 0.0)
        for place in self._places.values():
            served[place.level] += min(place.supply, place.demand)
        return served

    def _more(self, at: Locality, calls: float) -> list[float]:
        """The calls more at each place on the way up; the innermost loop of a plan."""
        left, met, changes = calls, 0.0, []
        for place in self._path(at):
            supply, demand = place.supply, place.demand
            more = min(supply + left, demand - met) - min(supply, demand)
            changes.append(more)
            left, met = left - more, met + more
        return changes

    def _path(self, at: Locality) -> tuple[_Balance, ...]:
        path = self._paths.get(at)
        if path is None:
            nodes = path_of(at)
            path = tuple(self._places.setdefault(node, _Balance(node[0])) for node in nodes)
            self._paths[at] = path
        return path


@lru_cache(PLACES)
def path_of(place: Locality) -> tuple[Node, ...]:
    """Return the places from this one up to the country, as pools have them."""
    named = (
        (level, place_at(level, place.province, place.city, place.area_code)) for level in LEVELS
    )
    return tuple(node for node in named if node[1])
