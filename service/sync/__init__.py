"""The inventory's way in: the sweep, its guards, its leader, the cache, the snapshot."""

from service.sync.acceptance import SweepReport
from service.sync.gauges import Available
from service.sync.keeper import InventoryKeeper
from service.sync.localities import Localities
from service.sync.shared import Shared, share
from service.sync.sweep import sweep_numbers

__all__ = [
    "Available",
    "InventoryKeeper",
    "Localities",
    "Shared",
    "SweepReport",
    "share",
    "sweep_numbers",
]
