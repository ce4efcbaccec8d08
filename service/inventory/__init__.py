"""Pure: the numbers of one instance, their immutable index, and the steps of a pick over it."""

from service.inventory.inventory import Inventory, Moves, common_limits, moves_between
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
    "levels_down_to",
    "moves_between",
    "near",
    "place_at",
    "steps_for",
    "tagged",
    "with_spare_first",
]
