"""The inventory's way in: the sweep, its guards, its leader, the cache, the snapshot.

`sweeping` reads the pages, `acceptance` says what is believed of them, `leader` who sweeps; by
`cache` and `replica` all come to have it. `keeper` leads through all of it.
"""

from service.sync.acceptance import SweepReport
from service.sync.details import DetailedSweep, OwnInbox, SharedInbox
from service.sync.gauges import Available
from service.sync.keeper import InventoryKeeper
from service.sync.localities import Localities
from service.sync.replica import Shared, share

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
]
