"""From a request and a snapshot to the pools to try.

What depends on use (rotation, caps, parking) is the ledger's to decide, in the order given here.
"""

from collections.abc import Iterable

import msgspec

from service.inventory.inventory import Inventory
from service.inventory.marks import shown_level, step_mark
from service.inventory.pools import LEVELS, agent_pool, place_at, tagged
from service.locality import Locality


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
    lowest = LEVELS.index(min_match)
    return tuple(level for level in levels if LEVELS.index(level) <= lowest)


class Wish(msgspec.Struct, frozen=True, gc=False):
    """The numbers that a pick wants: of these groups, an agent's first, with all these tags."""

    skill_group_ids: tuple[str, ...]
    agent_id: str = ""
    tags: tuple[str, ...] = ()


def steps_for(
    inventory: Inventory, callee: Locality, wish: Wish, levels: tuple[str, ...]
) -> tuple[Step, ...]:
    """The pools to try, the agent's own first, then level by level over all the groups.

    A level whose pools were all tried by the one before is left out: what it would find, the
    more local one has found already.
    """
    steps = []
    if wish.agent_id and (pool := agent_pool(wish.agent_id, wish.tags)) in inventory.members:
        steps.append(Step(step_mark("agent", callee.province, ("",)), (pool,)))
    groups = sorted(set(wish.skill_group_ids))
    for level in levels:
        if not (place := place_at(level, callee.province, callee.city, callee.area_code)):
            continue
        pools = {
            group: pool
            for group in groups
            if (pool := inventory.pool(tagged(group, wish.tags), level, place))
        }
        if pools and (not steps or tuple(pools.values()) != steps[-1].pools):
            mark = step_mark(level, callee.province, pools)
            steps.append(Step(mark, tuple(pools.values())))
    return tuple(steps)


def are_candidates(
    inventory: Inventory, steps: tuple[Step, ...], uses: Iterable[tuple[str, str]]
) -> bool:
    """Return whether all numbers may be shown for these steps; `uses` has each with its mark.

    What CCC itself picked, at the level `ccc`, needs no pool: it has to be in the inventory.
    """
    for number, mark in uses:
        if mark == "ccc":
            if number not in inventory.numbers:
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
