"""When a day's supply runs out, place by place, if the day is as foretold."""

from collections import defaultdict
from collections.abc import Generator, Iterable, Mapping, Sequence

from service.coverage.flow import path_of
from service.coverage.market import Owner
from service.inventory import Node
from service.inventory.pools import LEVELS
from service.locality import Locality

HOURS = 24
SPENT = 0.5  # calls left of a place's supply that are none


def exhausting(
    supply: Mapping[Owner, float], demand: Mapping[Owner, Sequence[float]]
) -> Generator[None, None, list[tuple[Owner, int]]]:
    """Say whose numbers have had all their calls, and in which hour of a day.

    It goes hour by hour and group by group; others have a turn between.

    Args:
        supply: calls a day, of each group at each place.
        demand: calls in each hour of the day, of each group and callee's place.
    """
    places: defaultdict[str, dict[Locality, float]] = defaultdict(dict)
    callees: defaultdict[str, dict[Locality, Sequence[float]]] = defaultdict(dict)
    for (group, place), calls in supply.items():
        places[group][place] = calls
    for (group, place), hours in demand.items():
        callees[group][place] = hours
    spent: list[tuple[Owner, int]] = []
    for group, calls_left in places.items():
        yield
        day = _Day(calls_left, callees[group])
        for hour in range(HOURS):
            yield
            spent += [((group, place), hour) for place in day.spend(hour)]
    return spent


class _Day:
    """One group's day; callees elsewhere are served evenly from all that is left.

    Args:
        supply: calls of each place.
        demand: calls in each hour of each callee's place.
    """

    def __init__(
        self, supply: Mapping[Locality, float], demand: Mapping[Locality, Sequence[float]]
    ) -> None:
        self._places = [*supply]
        self._left = [*supply.values()]
        self._hours = [*demand.values()]
        sources, callees = _by_node(supply), _by_node(demand)
        self._nodes = [
            (sources[node], callees[node])
            for level in LEVELS
            for node in sources
            if node[0] == level and node in callees
        ]

    def spend(self, hour: int) -> list[Locality]:
        """Serve an hour; returns the places that it leaves nothing of."""
        before = [at for at, calls in enumerate(self._left) if calls > SPENT]
        needs = [hours[hour] for hours in self._hours]
        for sources, callees in self._nodes:
            has, needed = sum(self._left[at] for at in sources), sum(needs[at] for at in callees)
            served = min(has, needed)
            if served > 0:
                for at in sources:
                    self._left[at] *= 1 - served / has
                for at in callees:
                    needs[at] *= 1 - served / needed
        return [self._places[at] for at in before if self._left[at] <= SPENT]


def _by_node(places: Iterable[Locality]) -> dict[Node, list[int]]:
    """Map each place of any level to the positions of those within it."""
    within: defaultdict[Node, list[int]] = defaultdict(list)
    for at, place in enumerate(places):
        for node in path_of(place):
            within[node].append(at)
    return dict(within)
