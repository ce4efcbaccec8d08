"""From a request and a snapshot to the pools to try.

What depends on use (rotation, caps, parking) is the ledger's to decide, in the order given here.
"""

from collections.abc import Iterable

import msgspec

from service.inventory import LEVELS, Inventory, agent_pool, place_at
from service.locality import Locality


class Step(msgspec.Struct, frozen=True, gc=False):
    """One level of a pick: its name, as the answer's `match` gives it, and its pools."""

    level: str
    pools: tuple[str, ...]


def levels_down_to(levels: tuple[str, ...], min_match: str) -> tuple[str, ...]:
    """The levels to try, none below `min_match` ("" for no bound)."""
    if not min_match:
        return levels
    lowest = LEVELS.index(min_match)
    return tuple(level for level in levels if LEVELS.index(level) <= lowest)


def steps_for(
    inventory: Inventory,
    callee: Locality,
    *,
    skill_group_ids: Iterable[str],
    agent_id: str,
    levels: tuple[str, ...],
) -> tuple[Step, ...]:
    """The pools to try, the agent's own first, then level by level over all the groups.

    A level whose pools were all tried by the one before is left out: what it would find, the
    more local one has found already.
    """
    steps = []
    if agent_id and (pool := agent_pool(agent_id)) in inventory.members:
        steps.append(Step("agent", (pool,)))
    groups = sorted(set(skill_group_ids))
    for level in levels:
        if not (place := place_at(level, callee.province, callee.city, callee.area_code)):
            continue
        pools = tuple(pool for group in groups if (pool := inventory.pool(group, level, place)))
        if pools and (not steps or pools != steps[-1].pools):
            steps.append(Step(level, pools))
    return tuple(steps)
