"""Pure: the numbers of one instance and their immutable index."""

from service.inventory.inventory import Inventory, Moves, common_limits, moves_between
from service.inventory.numbers import (
    OUTBOUND_USAGES,
    Alike,
    CommonFields,
    Details,
    PhoneNumber,
    alike,
    bar,
)
from service.inventory.pools import LEVELS, Home, agent_pool, place_at, tagged

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
    "agent_pool",
    "alike",
    "bar",
    "common_limits",
    "moves_between",
    "place_at",
    "tagged",
]
