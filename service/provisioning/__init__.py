"""Puts numbers into an instance, through CCC, and says what became of each.

HTTP's two doors ask this; it asks CCC (`service.ccc`) and then has the inventory refreshed
(`service.sync`). It knows nothing of HTTP here, and nothing of picks.
"""

from collections.abc import Mapping

from msgspec import Struct

from service.provisioning.messages import (
    Addition,
    BulkAddition,
    BulkRequest,
    AddRequest,
    NumberDetails,
)
from service.provisioning.provisioner import Provisioner

__all__ = [
    "AddRequest",
    "Addition",
    "BulkAddition",
    "BulkRequest",
    "NumberDetails",
    "Provisioner",
]
