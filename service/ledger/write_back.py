"""What was picked while Redis was out of reach, written to it once when it is back.

A call that broke off may have been applied all the same: then Redis counted a number, and the
client was shown another. What became of such a call is found out first; what it counted is undone.
"""

import asyncio
from collections import deque

from service.errors import LedgerUnavailable
from service.ledger.line import CallLost
from service.ledger.port import Operation, Pick, Picked, Record, Take, Undo
from service.ledger.redis_ledger import RedisLedger
from service.ledger.wire import picked_from
from service.metrics import Metrics

MOST_KEPT = 100_000
TOGETHER = 16
PAUSE_SECONDS = 0.25  # between two tries while Redis is out of reach


class Degraded:
    """A pick that was decided here at an instant in ms.

    `lost` is the call that last broke off with it or with what is to be written for it; what is
    still to be written is in `left`, None until the fate of the pick's own call is known.
    """

    __slots__ = ("asked", "instant", "left", "lost", "picked")

    def __init__(
        self, asked: Pick | Take, picked: Picked, instant: int, lost: CallLost | None
    ) -> None:
        self.asked = asked
        self.picked = picked
        self.instant = instant
        self.lost = lost
        self.left: list[Operation] | None = None


class WriteBack:
    """Keeps degraded picks and writes them; `run` must be running.

    Args:
        shared: the ledger in Redis.
        metrics: counts what was written, and what waits.
    """

    def __init__(self, shared: RedisLedger, metrics: Metrics) -> None:
        self._shared = shared
        self._metrics = metrics
        self._waiting: deque[Degraded] = deque()
        self._wake = asyncio.Event()

    def keep(self, degraded: Degraded) -> None:
        """Write this one when Redis is back; beyond the bound, the oldest is given up."""
        if len(self._waiting) >= MOST_KEPT:
            self._waiting.popleft()
            self._metrics.write_backs.labels("dropped").inc()
        self._waiting.append(degraded)
        self._metrics.write_back_backlog.set(len(self._waiting))
        self._wake.set()

    async def run(self) -> None:
        """Write what waits, until cancelled."""
        while True:
            await self._wake.wait()
            some = [self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))]
            results = await asyncio.gather(*map(self._write, some), return_exceptions=True)
            failed = [one for one, result in zip(some, results, strict=True) if result is not None]
            self._waiting.extendleft(reversed(failed))
            self._metrics.write_back_backlog.set(len(self._waiting))
            if not self._waiting:
                self._wake.clear()
            for result in results:
                if result is not None and not isinstance(result, LedgerUnavailable):
                    raise result
            if failed:
                await asyncio.sleep(PAUSE_SECONDS)

    async def _write(self, degraded: Degraded) -> None:
        if degraded.left is None:
            degraded.left = self._to_write(degraded)
            degraded.lost = None
        while degraded.left:
            if degraded.lost is not None and self._shared.fate(degraded.lost) is not None:
                degraded.left.pop(0)
            degraded.lost = None
            if degraded.left:
                try:
                    await self._shared.tell(degraded.left[0])
                except CallLost as lost:
                    degraded.lost = lost
                    raise
                degraded.left.pop(0)

    def _to_write(self, degraded: Degraded) -> list[Operation]:
        """What makes the shared ledger know what the client was shown.

        Raises:
            LedgerUnavailable: the fate of the pick's call is not known yet.
        """
        asked, picked = degraded.asked, degraded.picked
        left: list[Operation] = []
        fate = self._shared.fate(degraded.lost) if degraded.lost is not None else None
        counted = picked_from(fate.answer) if fate is not None else Picked()
        if fate is not None and counted.uses:
            if counted.uses == picked.uses:
                self._metrics.write_backs.labels("agreed").inc()
                return []
            numbers = tuple(number for number, _ in counted.uses)
            left.append(Undo(numbers, fate.now, asked.callee, asked.call))
        if picked.uses:
            left.append(
                Record(
                    picked.uses,
                    degraded.instant,
                    asked.callee,
                    asked.groups,
                    asked.call,
                    asked.body,
                )
            )
        self._metrics.write_backs.labels("corrected" if counted.uses else "written").inc()
        return left
