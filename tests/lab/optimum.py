"""The most that any plan could be worth, by linear programming over the same tree of places."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import LinearConstraint, milp
from scipy.sparse import csr_array

from service.coverage.flow import WORTH, Flow, Served, path_of
from service.coverage.market import Lot, Owner
from service.coverage.planning import CoveragePlan
from service.inventory import Node

SECONDS = 60  # for a solver that looks for whole numbers


class Optimum:
    """A day's calls as a linear programme.

    At each place of each group, what comes up to it of supply and of demand is matched there or
    goes on up. Numbers of several groups are divided freely, those to be bought go anywhere.

    Args:
        lots: the numbers.
        demand: calls a day.
        buy: how many numbers may be bought.
        calls: what each of these carries a day.
    """

    def __init__(
        self, lots: Sequence[Lot], demand: Mapping[Owner, float], buy: int = 0, calls: float = 0
    ) -> None:
        self._columns: dict[tuple[object, ...], int] = {}
        self._rows: list[tuple[dict[int, float], float, float]] = []
        self._balances: defaultdict[tuple[str, str, Node], dict[int, float]] = defaultdict(dict)
        self._demand: defaultdict[tuple[str, Node], float] = defaultdict(float)
        for at, lot in enumerate(lots):
            shares = [
                self._supply(("share", at, group), (group, lot.place), lot.calls)
                for group in lot.groups
            ]
            self._rows.append((dict.fromkeys(shares, 1.0), 0, lot.count))
        for (group, place), wanted in demand.items():
            self._rise(group, path_of(place))
            self._demand[group, path_of(place)[0]] += wanted
        if buy:
            bought = [self._supply(("buy", owner), owner, calls) for owner in demand]
            self._rows.append((dict.fromkeys(bought, 1.0), 0, buy))
        for (kind, group, node), parts in self._balances.items():
            fixed = self._demand[group, node] if kind == "demand" else 0.0
            self._rows.append((parts, fixed, fixed))

    def worth(self, *, whole: bool = False) -> float:
        """Solve it; with `whole`, each number goes to one place and group."""
        count = len(self._columns)
        value, integral = np.zeros(count), np.zeros(count)
        for key, column in self._columns.items():
            if key[0] == "match":
                value[column] = -WORTH[str(key[2])]
            integral[column] = whole and key[0] in {"share", "buy"}
        cells = [
            (row, column, part)
            for row, (parts, _, _) in enumerate(self._rows)
            for column, part in parts.items()
        ]
        rows, columns, parts = zip(*cells, strict=True)
        matrix = csr_array((parts, (rows, columns)), shape=(len(self._rows), count))
        bounds = LinearConstraint(
            matrix, [low for _, low, _ in self._rows], [high for _, _, high in self._rows]
        )
        solved = milp(
            value, constraints=bounds, integrality=integral, options={"time_limit": SECONDS}
        )
        return float(-solved.fun)

    def _column(self, *key: object) -> int:
        return self._columns.setdefault(key, len(self._columns))

    def _supply(self, name: tuple[object, ...], owner: Owner, calls: float) -> int:
        """A number of numbers, each of which brings so many calls to a place."""
        group, place = owner
        path = path_of(place)
        self._rise(group, path)
        column = self._column(*name)
        self._balances["supply", group, path[0]][column] = -calls
        return column

    def _rise(self, group: str, path: tuple[Node, ...]) -> None:
        """Balance each place on the way up: what is matched there, and what goes on."""
        for node, parent in zip(path, (*path[1:], None), strict=True):
            match = self._column("match", group, *node)
            for kind in ("supply", "demand"):
                up = self._column("up", kind, group, node)
                self._balances[kind, group, node] |= {match: 1.0, up: 1.0}
                if parent is not None:
                    self._balances[kind, group, parent][up] = -1.0


def worth(served: Served) -> float:
    """What calls by level are worth together."""
    return sum(WORTH[level] * calls for level, calls in served.items())


def worth_of(
    plan: CoveragePlan, demand: Mapping[Owner, float], calls: float
) -> tuple[float, float]:
    """What a plan is worth before and after its purchases, counted from the start."""
    flows: defaultdict[str, Flow] = defaultdict(Flow)
    for (group, place), wanted in demand.items():
        flows[group].way(place).add_demand(wanted)
    for (group, place), carried in plan.supply.items():
        flows[group].way(place).add_supply(carried)
    before = sum(worth(flow.served()) for flow in flows.values())
    for purchase in plan.buy:
        group, place = purchase.owner
        flows[group].way(place).add_supply(purchase.count * calls)
    return before, sum(worth(flow.served()) for flow in flows.values())
