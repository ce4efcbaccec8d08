"""Write to Redis, once and when it is back, what it has not counted.

That is what was picked while it was out of reach, and what a failover or a wipe has lost of what it
had answered. A call that broke off may have been applied all the same: then Redis counted a number,
and the client was shown another. What became of such a call is found out first; what it counted is
undone.

For example, a pick under the call_id "x" was sent as call 8, whose answer did not come, and the
client was shown n2 by the ledger here. When Redis is back there are four cases:

    fate of call 8     written                     counted as
    not applied        Record(n2, "x")             written
    n1 was picked      Undo(n1), Record(n2, "x")   corrected
    n2 was picked      nothing                     agreed
    n1 was repeated    Retract, Record(n2, "x")    corrected

In the last one another process was asked under "x" before; it may not have shown n1 either.

Each of these goes out as a call too, and may be lost in turn: `lost` then says which, and its own
fate decides whether it is sent again. A task that ends in the middle loses nothing: what is not
written is put back, and `sent` is the answer that it was waiting for.
"""

import asyncio
from collections import deque
from collections.abc import Generator, Sequence
from typing import Any

import msgspec

from service.errors import LedgerUnavailable
from service.ledger.answers import Picked, picked_from
from service.ledger.port import Operation, Pick, Record, Retract, Take, Undo
from service.ledger.shared.ledger import SharedLedger
from service.ledger.shared.line import CallLost
from service.ledger.shared.recent import Applied, again
from service.metrics import Metrics
from service.redis_.counts import add_to
from service.tasks import heed_cancellation, in_slices

MOST_KEPT = 100_000
TOGETHER = 32
PAUSE_SECONDS = 0.25  # between two tries while Redis is out of reach
PACE_SECONDS = 0.02  # the longest pause otherwise
MOST_DIFFERING = 10_000  # calls


class Unwritten(msgspec.Struct, eq=False, gc=False):
    """What is on its way to Redis: `left` are the operations still to write, in order.

    `lost` is the call that last broke off with it. `digests` are those of the call and the callee
    that it tells of. `left` is None for a degraded pick until the fate of its own call is known.
    """

    left: tuple[Operation, ...] | None
    digests: tuple[str, ...] = ()
    lost: CallLost | None = None
    degraded: "Degraded | None" = None
    sent: asyncio.Future[Any] | None = None


class Degraded(msgspec.Struct, frozen=True, gc=False):
    """A pick that was decided here at an instant in ms."""

    asked: Pick | Take
    picked: Picked
    instant: int


class WriteBack:
    """Keeps degraded picks and writes them; `run` must be running.

    `differing` are calls answered here to which Redis has another process's answer.

    Args:
        shared: the ledger in Redis.
        metrics: counts what was written, and what waits.
    """

    def __init__(self, shared: SharedLedger, metrics: Metrics) -> None:
        self._shared = shared
        self._metrics = metrics
        self._lacking: list[Applied] = []  # to take in before anything is written
        self._waiting: deque[Unwritten] = deque()
        self._writing: list[Unwritten] = []  # the first of them, while they are being written
        self._digests: dict[str, int] = {}  # of the calls and callees that they tell of
        self.differing: dict[str, None] = {}  # a set in order
        self._wake = asyncio.Event()

    @property
    def is_behind(self) -> bool:
        """True while there is something to write."""
        return bool(self._lacking or self._waiting or self._writing)

    def concerns(self, call: str, callee: str = "") -> bool:
        """Return whether Redis may not have heard yet what was decided for a call or a callee."""
        return bool(self._lacking) or call in self._digests or callee in self._digests

    def replay(self, missing: Sequence[Applied]) -> None:
        """Write once more what Redis had applied, and has lost, before all else.

        There may be 30 s of it: it is taken in by slices, and until then concerns every callee.
        """
        self._lacking += missing
        self._count()

    def _take_in(self) -> Generator[None, None, None]:
        """Have what Redis lacks wait in its order, the last first: each is whole in itself."""
        replayed = self._metrics.write_backs.labels("replayed")
        while self._lacking:
            if (operation := again(self._lacking.pop())) is not None:
                replayed.inc()
                digests = digests_of(operation) if isinstance(operation, Record) else ()
                unwritten = Unwritten((operation,), digests)
                self._note(unwritten)
                self._waiting.appendleft(unwritten)
            yield
        self._count()

    def keep(self, degraded: Degraded, lost: CallLost | None) -> None:
        """Write a pick when Redis is back, which it may have decided too, in a lost call."""
        unwritten = Unwritten(None, digests_of(degraded.asked), lost, degraded)
        if len(self._waiting) >= MOST_KEPT:  # the first is given up
            self._forget(self._waiting.popleft())
            self._metrics.write_backs.labels("dropped").inc()
        self._waiting.append(unwritten)
        self._note(unwritten)
        self._count()

    async def run(self) -> None:
        """Write what waits, in a tenth of the time at the most, until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            await self._wake.wait()
            await in_slices(self._take_in())
            self._writing = [
                self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))
            ]
            start = clock()
            try:
                writes = map(self._write, self._writing)
                results = await asyncio.gather(*writes, return_exceptions=True)
            finally:
                self._put_back()
            heed_cancellation()
            failures = [result for result in results if result is not None]
            for failure in failures:
                if not isinstance(failure, LedgerUnavailable):
                    raise failure
            busy = clock() - start
            await asyncio.sleep(PAUSE_SECONDS if failures else min(9 * busy, PACE_SECONDS))

    def _put_back(self) -> None:
        """Let go of those that are written; the others keep their places."""
        for unwritten in reversed(self._writing):
            if unwritten.left == ():
                self._forget(unwritten)
            else:
                self._waiting.appendleft(unwritten)
        self._writing = []
        self._count()

    def _count(self) -> None:
        waiting = len(self._lacking) + len(self._waiting)
        self._metrics.write_back_backlog.set(waiting + len(self._writing))
        if self._lacking or self._waiting:
            self._wake.set()
        else:
            self._wake.clear()

    def _note(self, unwritten: Unwritten) -> None:
        for digest in unwritten.digests:
            add_to(self._digests, digest)

    def _forget(self, unwritten: Unwritten) -> None:
        unwritten.lost = None  # its traceback leads back here, and nobody looks for cycles
        for digest in unwritten.digests:
            if self._digests[digest] > 1:
                self._digests[digest] -= 1
            else:
                del self._digests[digest]

    async def _write(self, unwritten: Unwritten) -> None:
        if unwritten.left is None and unwritten.degraded is not None:
            unwritten.left = tuple(self._to_write(unwritten.degraded, unwritten.lost))
            unwritten.lost = None
        while unwritten.left:
            operation, lost = unwritten.left[0], unwritten.lost
            fate = self._shared.queue.fate(lost) if lost is not None else None
            unwritten.lost = None
            is_new = fate.answer if fate is not None else await self._send(unwritten, operation)
            if isinstance(operation, Record) and not is_new:
                self._differ(operation.call)
            unwritten.left = unwritten.left[1:]

    def _differ(self, call: str) -> None:
        self.differing[call] = None
        if len(self.differing) > MOST_DIFFERING:
            del self.differing[next(iter(self.differing))]

    async def _send(self, unwritten: Unwritten, operation: Operation) -> Any:
        """Have an operation applied; the end of this task does not take it back."""
        if unwritten.sent is None:
            unwritten.sent = self._shared.send(operation)
            unwritten.sent.add_done_callback(_heed)
        try:
            answer = await asyncio.shield(unwritten.sent)
        except LedgerUnavailable as error:
            unwritten.sent = None
            unwritten.lost = error if isinstance(error, CallLost) else None
            raise
        unwritten.sent = None
        return answer

    def _to_write(self, degraded: Degraded, lost: CallLost | None) -> list[Operation]:
        """Return the operations that tell the shared ledger what the client was shown.

        Raises:
            LedgerUnavailable: the fate of the pick's call is not known yet.
        """
        asked, picked = degraded.asked, degraded.picked
        left: list[Operation] = []
        fate = self._shared.queue.fate(lost) if lost is not None else None
        applied = picked_from(fate.answer) if fate is not None else Picked()
        is_told = applied.uses == picked.uses if applied.uses else picked.is_repeated
        if is_told:
            self._metrics.write_backs.labels("agreed").inc()
            return []
        if applied.is_repeated:
            left.append(Retract(asked.call))
        elif fate is not None and applied.uses:
            numbers = tuple(number for number, _ in applied.uses)
            left.append(Undo(numbers, fate.now, asked.callee, asked.call))
        if picked.uses:
            left.append(Record.of(asked, picked.uses, degraded.instant))
        self._metrics.write_backs.labels("corrected" if applied.uses else "written").inc()
        return left


def digests_of(asked: Pick | Take | Record) -> tuple[str, ...]:
    """Return the digests of the call and the callee that an operation tells of."""
    return tuple([digest for digest in (asked.call, asked.callee) if digest])


def _heed(answer: asyncio.Future[Any]) -> None:
    """Look at how it ended, should the task that waited for it have ended before."""
    if not answer.cancelled():
        answer.exception()
