"""Write to Redis, once and when it is back, what it has not counted.

That is what was picked while it was out of reach, and what a failover has lost of what it had
answered. A call that broke off may have been applied all the same: then Redis counted a number, and
the client was shown another. What became of such a call is found out first; what it counted is
undone.

For example, a pick under the call_id "x" was sent as call 8, whose answer did not come, and the
client was shown n2 by the ledger here. When Redis is back there are three cases:

    fate of call 8     written                     counted as
    not applied        Record(n2, "x")             written
    n1 was picked      Undo(n1), Record(n2, "x")   corrected
    n2 was picked      nothing                     agreed

Each of these goes out as a call too, and may be lost in turn: `lost` then says which, and its own
fate decides whether it is sent again.
"""

import asyncio
from collections import deque
from collections.abc import Iterable

from service.errors import LedgerUnavailable
from service.ledger.answers import Picked
from service.ledger.port import Operation, Pick, Record, Take, Undo
from service.ledger.shared.ledger import SharedLedger
from service.ledger.shared.line import CallLost
from service.ledger.shared.wire import picked_from
from service.metrics import Metrics
from service.tasks import heed_cancellation

MOST_KEPT = 100_000
TOGETHER = 16
PAUSE_SECONDS = 0.25  # between two tries while Redis is out of reach


class Unwritten:
    """A degraded pick on its way to Redis: `left` are the operations still to write, in order.

    `lost` is the call that last broke off with it.
    """

    __slots__ = ("left", "lost")

    def __init__(self, left: list[Operation] | None, lost: CallLost | None = None) -> None:
        self.left = left
        self.lost = lost


class Degraded(Unwritten):
    """A pick that was decided here at an instant in ms.

    What is to be written for it is None until the fate of the pick's own call is known.
    """

    __slots__ = ("asked", "instant", "picked")

    def __init__(
        self, asked: Pick | Take, picked: Picked, instant: int, lost: CallLost | None
    ) -> None:
        self.asked = asked
        self.picked = picked
        self.instant = instant
        super().__init__(None, lost)


class WriteBack:
    """Keeps degraded picks and writes them; `run` must be running.

    Args:
        shared: the ledger in Redis.
        metrics: counts what was written, and what waits.
    """

    def __init__(self, shared: SharedLedger, metrics: Metrics) -> None:
        self._shared = shared
        self._metrics = metrics
        self._waiting: deque[Unwritten] = deque()
        self._wake = asyncio.Event()
        shared.on_missed(self.replay)

    def replay(self, missed: Iterable[Operation]) -> None:
        """Write once more what Redis had applied, and a failover has lost."""
        for operation in missed:
            self._metrics.write_backs.labels("replayed").inc()
            self.keep(Unwritten([operation]))

    def keep(self, unwritten: Unwritten) -> None:
        """Write this one when Redis is back; beyond the bound, the oldest is given up."""
        if len(self._waiting) >= MOST_KEPT:
            self._waiting.popleft()
            self._metrics.write_backs.labels("dropped").inc()
        self._waiting.append(unwritten)
        self._metrics.write_back_backlog.set(len(self._waiting))
        self._wake.set()

    async def run(self) -> None:
        """Write what waits, in a tenth of the time at the most, until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            await self._wake.wait()
            some = [self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))]
            start = clock()
            results = await asyncio.gather(*map(self._write, some), return_exceptions=True)
            failed = [one for one, result in zip(some, results, strict=True) if result is not None]
            self._waiting.extendleft(reversed(failed))
            self._metrics.write_back_backlog.set(len(self._waiting))
            if not self._waiting:
                self._wake.clear()
            for result in results:
                if result is not None and not isinstance(result, LedgerUnavailable):
                    raise result
            heed_cancellation()
            busy = clock() - start
            await asyncio.sleep(PAUSE_SECONDS if failed else min(9 * busy, PAUSE_SECONDS))

    async def _write(self, unwritten: Unwritten) -> None:
        if isinstance(unwritten, Degraded) and unwritten.left is None:
            unwritten.left = self._to_write(unwritten)
            unwritten.lost = None
        while unwritten.left:
            if unwritten.lost is not None and self._shared.fate(unwritten.lost) is not None:
                unwritten.left.pop(0)
            unwritten.lost = None
            if unwritten.left:
                try:
                    await self._shared.apply(unwritten.left[0])
                except CallLost as lost:
                    unwritten.lost = lost
                    raise
                unwritten.left.pop(0)

    def _to_write(self, degraded: Degraded) -> list[Operation]:
        """Return the operations that tell the shared ledger what the client was shown.

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
