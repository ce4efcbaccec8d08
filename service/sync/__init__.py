"""The inventory's way in: the sweep, its guards, its leader, the cache, the snapshot."""

from service.sync.acceptance import SweepReport
from service.sync.details import DetailedSweep, OwnInbox, SharedInbox
from service.sync.gauges import Available
from service.sync.keeper import InventoryKeeper
from service.sync.localities import Localities
from service.sync.shared import Shared, share
from service.sync.sweep import sweep_numbers

__all__ = [
    "Available",
    "DetailedSweep",
    "InventoryKeeper",
    "Localities",
    "OwnInbox",
    "Shared",
    "SharedInbox",
    "SweepReport",
    "share",
    "sweep_numbers",
]
