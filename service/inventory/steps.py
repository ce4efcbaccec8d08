"""From a request and a snapshot to the pools to try.

What depends on use (rotation, caps, parking) is the ledger's to decide, in the order given here.
"""

from collections.abc import Iterable, Mapping
from itertools import chain
from types import MappingProxyType

import msgspec

from service.inventory.inventory import Inventory
from service.inventory.marks import remarked, shown_level, step_mark
from service.inventory.pools import agent_owner, place_at, tagged
from service.locality import Locality

# From the nearest match to none; the pools have no level `near`, it is that of other places.
ORDER = ("city", "area_code", "province", "near", "any")

Node = tuple[str, str]  # a level and the name of a place at it, as pools have them
Near = Mapping[Node, tuple[Node, ...]]  # of callees' places: where to go before anywhere
NO_PLACES: Near = MappingProxyType({})


class Step(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One level of a pick: what marks its uses, see `marks`, and its pools."""

    mark: str
    pools: tuple[str, ...]

    @property
    def level(self) -> str:
        """The name of the level."""
        return shown_level(self.mark)


def levels_down_to(levels: tuple[str, ...], min_match: str) -> tuple[str, ...]:
    """The levels to try, none below `min_match` ("" for no bound)."""
    if not min_match:
        return levels
    lowest = ORDER.index(min_match)
    return tuple(level for level in levels if ORDER.index(level) <= lowest)


class Wish(msgspec.Struct, frozen=True, gc=False):
    """The numbers that a pick wants: of these groups, an agent's first, with all these tags."""

    skill_group_ids: tuple[str, ...]
    agent_id: str = ""
    tags: tuple[str, ...] = ()


def near(places: Near, callee: Locality) -> tuple[Node, ...]:
    """Return where to go for a callee: what its city has, its province, or else all callees."""
    for level in ("city", "province", "any"):
        at = level, place_at(level, callee.province, callee.city, callee.area_code)
        if at in places:
            return places[at]
    return ()


def steps_for(
    inventory: Inventory,
    callee: Locality,
    wish: Wish,
    levels: tuple[str, ...],
    others: tuple[Node, ...] = (),
) -> tuple[Step, ...]:
    """The pools to try, the agent's own first, then level by level over all the groups.

    At the level `near` the `others` are tried one after the other.

    A level whose pools were all tried before is left out: what it would find, the more local one
    has found already.
    """
    steps = []
    agent = tagged(agent_owner(wish.agent_id), wish.tags)
    if wish.agent_id and (agents := inventory.pools(agent, "agent", "*", callee)):
        mark = step_mark("agent", callee.province, [""] * len(agents))
        steps.append(Step(mark, tuple(agents)))
    groups = sorted(set(wish.skill_group_ids))
    for level in levels:
        own = [(level, place) for place in _places_at(level, callee)]
        for nodes in ([node] for node in others) if level == "near" else (own,):
            pairs = ((group, node) for group in groups for node in nodes)
            owned = _owned(inventory, wish, callee, pairs)
            pools = tuple(pool for _, pool in owned)
            if pools and not any(set(pools) <= set(step.pools) for step in steps):
                mark = step_mark(level, callee.province, (group for group, _ in owned))
                steps.append(Step(mark, pools))
    return tuple(steps)


def _owned(
    inventory: Inventory, wish: Wish, callee: Locality, places: Iterable[tuple[str, Node]]
) -> list[tuple[str, str]]:
    """The pools of groups at places, each with its group."""
    return [
        (group, pool)
        for group, node in places
        for pool in inventory.pools(tagged(group, wish.tags), *node, callee)
    ]


def _places_at(level: str, callee: Locality) -> tuple[str, ...]:
    """The names of the callee's place: a city has one by its area code, and one without."""
    place = place_at(level, callee.province, callee.city, callee.area_code)
    by_names = place_at(level, callee.province, callee.city, "") if level == "city" else ""
    return tuple(filter(None, dict.fromkeys((place, by_names))))


def with_spare_first(
    steps: tuple[Step, ...],
    inventory: Inventory,
    callee: Locality,
    wish: Wish,
    spare: Iterable[tuple[str, Node]],
) -> tuple[Step, ...]:
    """Have the numbers of some cities tried before all others at the level `any`.

    Args:
        steps: as `steps_for` makes them.
        inventory: the same.
        callee: the same.
        wish: the same.
        spare: the cities, each with the group whose numbers there are to spare.
    """
    if not steps or steps[-1].level != "any":
        return steps
    owned = _owned(inventory, wish, callee, spare)
    if not owned:
        return steps
    mark = remarked(steps[-1].mark, len(steps[-1].pools), (group for group, _ in owned))
    return (*steps[:-1], Step(mark, tuple(pool for _, pool in owned)), steps[-1])


def kept_from(inventory: Inventory, callee: Locality, wish: Wish) -> tuple[tuple[str, ...], ...]:
    """Return by pools the numbers that a pick wants and that callees of its place never see.

    A number of two groups is in a pool of each. There may be very many: nothing is copied.
    """
    groups = ((group, "any") for group in sorted(set(wish.skill_group_ids)))
    owners = (*groups, (agent_owner(wish.agent_id), "agent"))
    pools = (inventory.kept_from(tagged(of, wish.tags), level, callee) for of, level in owners)
    return tuple(filter(None, chain.from_iterable(pools)))


def are_candidates(
    inventory: Inventory,
    callee: Locality,
    steps: tuple[Step, ...],
    uses: Iterable[tuple[str, str]],
) -> bool:
    """Return whether all numbers may be shown for these steps; `uses` has each with its mark.

    What CCC itself picked, at the level `ccc`, needs no pool: it has to be in the inventory.
    """
    for number, mark in uses:
        if mark == "ccc":
            if number not in inventory.numbers or inventory.is_kept_from(number, callee):
                return False
        elif (home := inventory.home(number)) is None or not _meet(home.pools, steps):
            return False
    return True


def _meet(pools: tuple[str, ...], steps: tuple[Step, ...]) -> bool:
    for step in reversed(steps):  # the widest is the last
        for pool in step.pools:
            if pool in pools:
                return True
    return False
