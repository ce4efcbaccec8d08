"""Puts numbers into an instance, through CCC, and says what became of each.

HTTP's two doors ask this; it asks CCC (`service.ccc`) and then has the inventory refreshed
(`service.sync`). It knows nothing of HTTP here, and nothing of picks.
"""

from service.ccc.additions import NumberDetails
from service.provisioning.messages import (
    Addition,
    AddRequest,
    BulkAddition,
    BulkRequest,
)
from service.provisioning.provisioner import Provisioner, Target

__all__ = [
    "AddRequest",
    "Addition",
    "BulkAddition",
    "BulkRequest",
    "NumberDetails",
    "Provisioner",
    "Target",
]
