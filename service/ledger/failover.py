"""The ledger that always decides: Redis where it answers, this process where it does not."""

from service.errors import LedgerUnavailable
from service.ledger.memory import MemoryLedger
from service.ledger.port import Decision, Park, Pick, Take, Unpark
from service.ledger.redis_ledger import RedisLedger
from service.metrics import Metrics


class FailoverLedger:
    """Picks from the shared ledger, and from the one in this process while that is out of reach.

    What must hold on every replica, parking, is refused instead.
    """

    def __init__(self, shared: RedisLedger, standby: MemoryLedger, metrics: Metrics) -> None:
        self._shared = shared
        self._standby = standby
        self._metrics = metrics

    async def pick(self, pick: Pick | Take) -> Decision:
        """Decide and record, here where Redis does not."""
        try:
            return await self._shared.pick(pick)
        except LedgerUnavailable:
            self._metrics.degraded_picks.inc()
            return self._standby.decide(pick)

    async def park(self, park: Park) -> bool:
        """Take a number out of rotation, on every replica.

        Raises:
            LedgerUnavailable: it could not be told to all.
        """
        return await self._shared.park(park)

    async def unpark(self, unpark: Unpark) -> bool:
        """Put a number back, on every replica.

        Raises:
            LedgerUnavailable: it could not be told to all.
        """
        return await self._shared.unpark(unpark)

    async def take_back(self) -> None:
        """Return numbers here; the shared ledger's own heartbeat does it there."""
        await self._standby.take_back()
