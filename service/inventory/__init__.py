"""Pure: the numbers of one instance, their immutable index, and the steps of a pick over it."""

from service.inventory.inventory import Inventory, Moves, common_limits, moves_between
from service.inventory.marks import Mark, group_token, read_mark, shown_level, use_mark
from service.inventory.numbers import (
    OUTBOUND_USAGES,
    Alike,
    CommonFields,
    Details,
    PhoneNumber,
    UnreadableRow,
    alike,
    bar,
)
from service.inventory.pools import LEVELS, Home, agent_pool, place_at, tagged
from service.inventory.steps import (
    NO_PLACES,
    Near,
    Node,
    Step,
    Wish,
    are_candidates,
    levels_down_to,
    near,
    steps_for,
    with_spare_first,
)

__all__ = [
    "LEVELS",
    "NO_PLACES",
    "OUTBOUND_USAGES",
    "Alike",
    "CommonFields",
    "Details",
    "Home",
    "Inventory",
    "Mark",
    "Moves",
    "Near",
    "Node",
    "PhoneNumber",
    "Step",
    "UnreadableRow",
    "Wish",
    "agent_pool",
    "alike",
    "are_candidates",
    "bar",
    "common_limits",
    "group_token",
    "levels_down_to",
    "moves_between",
    "near",
    "place_at",
    "read_mark",
    "shown_level",
    "steps_for",
    "tagged",
    "use_mark",
    "with_spare_first",
]
