"""One configured instance, as a pick sees it."""

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from service.ccc.payloads import NumberPair
from service.inventory import Inventory
from service.ledger import Ledger
from service.picking.digests import Digests


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


class Ccc(Protocol):
    """Whose own choice stands in where the inventory has nobody."""

    async def pick_outbound_numbers(
        self,
        instance_id: str,
        called_number: str,
        skill_group_ids: Sequence[str],
        count: int = 1,
        *,
        wait: bool = True,
    ) -> tuple[NumberPair, ...]:
        """CCC's own choice for a callee; `wait=False`: only if a token is free now."""


class Instance(msgspec.Struct, frozen=True):
    """What it takes to pick for one instance.

    `fallback_seconds` is what asking CCC may take, 0 where that is not wanted. `opens_at` tells
    when nobody is called at this hour, "" otherwise. `knows_callees` says that a rule needs them.
    """

    instance_id: str
    keeper: Keeper
    ledger: Ledger
    ccc: Ccc
    levels: tuple[str, ...]
    fallback_seconds: float
    digests: Digests
    knows_callees: bool
    opens_at: Callable[[], str]
