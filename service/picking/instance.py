"""One configured instance, as a pick sees it."""

from typing import Protocol

import msgspec

from service.ccc.client import CccClient
from service.inventory import Inventory
from service.ledger import Ledger


class Keeper(Protocol):
    """Where the instance's snapshot is kept."""

    @property
    def inventory(self) -> Inventory | None:
        """The snapshot, or None before the first was accepted."""

    async def follow(self) -> None:
        """Take over a newer snapshot from the cache, if there is one."""


class Localities(Protocol):
    """Who finds out where an unknown prefix belongs; never waited for."""

    def note(self, prefix: str, called_number: str, instance_id: str) -> None:
        """A prefix was met that the table lacks."""

    def teach(self, prefix: str, province: str, city: str) -> None:
        """CCC has told where a prefix belongs."""


class Instance(msgspec.Struct, frozen=True):
    """What it takes to pick for one instance.

    `fallback_seconds` is what asking CCC may take, 0 where that is not wanted.
    """

    instance_id: str
    keeper: Keeper
    ledger: Ledger
    ccc: CccClient
    levels: tuple[str, ...]
    fallback_seconds: float
