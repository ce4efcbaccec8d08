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
from service.inventory.steps import Step, Wish, are_candidates, levels_down_to, steps_for

__all__ = [
    "LEVELS",
    "OUTBOUND_USAGES",
    "Alike",
    "CommonFields",
    "Details",
    "Home",
    "Inventory",
    "Moves",
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
    "place_at",
    "steps_for",
    "tagged",
]
