"""The shared ledger: the port over a queue of calls to Redis."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any, cast

import msgspec

from service.errors import LedgerUnavailable
from service.ledger.answers import Decision
from service.ledger.port import (
    BATCH_TURNS,
    Answered,
    AnswerT,
    Describe,
    Operation,
    Pick,
    Return,
    Review,
    Take,
    answer_type,
)
from service.ledger.record import KnownUse
from service.ledger.rules import Rules
from service.ledger.shared.line import CallLost, Fate, Line
from service.ledger.shared.queue import Breaker, CallQueue
from service.ledger.shared.wire import picked_from
from service.metrics import Metrics

RETURNS_A_SLICE = 16
# Changes nothing, so it leaves no answer behind that would displace that of a lost call.
PROBE = Describe(dry_run=True, numbers=())


class SharedLedger:
    """Decides through one line; `run` must be running.

    Args:
        line: the numbered calls; its timeout bounds one of them.
        breaker: when to stop asking.
        patience: seconds that an operation may wait before it is sent.
        metrics: where batches and Redis's state are counted.
        notice: told the generation of the ledger's members with each reply, 0 when it was wiped.
    """

    def __init__(
        self,
        line: Line,
        breaker: Breaker,
        *,
        patience: float,
        metrics: Metrics,
        notice: Callable[[int], None],
    ) -> None:
        self._line = line
        self._breaker = breaker
        self._queue = CallQueue(line, breaker, patience=patience, metrics=metrics, notice=notice)

    @property
    def reaches_redis(self) -> bool:
        """True unless the breaker is open."""
        return not self._breaker.is_open

    async def pick(self, pick: Pick | Take) -> Decision:
        """Decide and record, in the call that leaves next."""
        return Decision("redis", picked_from(await self._enqueue(pick)))

    async def apply(self, operation: Answered[AnswerT]) -> AnswerT:
        """Apply an operation on every replica, in the call that leaves next."""
        answer = await self._enqueue(operation)
        return cast("AnswerT", msgspec.convert(answer, answer_type(type(operation))))

    async def review(self) -> None:
        """Look again at all parked numbers, each slice in a call of its own."""
        parked = await self._line.census.parked()
        for start in range(0, len(parked), BATCH_TURNS):
            await self.apply(Review(parked[start : start + BATCH_TURNS]))

    async def parked_by(self) -> Mapping[str, int]:
        """Count the parked numbers by reason."""
        return await self._line.census.parked_by()

    def rule(self, rules: Rules) -> None:
        """Decide under these rules from the next call."""
        self._line.rule(rules)

    async def take_back(self) -> None:
        """Return all numbers whose time has come, each slice in a call of its own."""
        returns = Return(RETURNS_A_SLICE)
        while await self._queue.enqueue(returns) == RETURNS_A_SLICE:
            pass

    def known(self) -> AsyncIterator[tuple[dict[str, KnownUse], dict[str, dict[str, int]]]]:
        """Yield the uses and parks of the numbers, in slices."""
        return self._line.census.known()

    async def processes(self, now: int) -> int:
        """Count the processes that share this ledger, this one included."""
        return await self._line.census.processes(now)

    def on_missed(self, callback: Callable[[list[Operation]], None]) -> None:
        """Have what a failover has lost handed to a function, to be told again."""
        self._line.missed = callback

    def fate(self, lost: CallLost) -> Fate | None:
        """Return the fate of a lost operation: None where it was not applied.

        Raises:
            LedgerUnavailable: that is not known yet.
        """
        return self._queue.fate(lost)

    async def run(self) -> None:
        """Send what waits, and keep asking whether Redis is there; until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._queue.run(), name="ledger-calls")
            tasks.create_task(self._beat(), name="ledger-heartbeat")

    def _enqueue(self, operation: Operation) -> asyncio.Future[Any]:
        if self._breaker.is_open:
            raise LedgerUnavailable("Redis is down")
        return self._queue.enqueue(operation)

    async def _beat(self) -> None:
        while True:
            was_open = self._breaker.is_open
            try:
                if was_open:
                    await self._queue.enqueue(PROBE)
                await self.take_back()
            except LedgerUnavailable:
                if was_open:  # it reads, perhaps, and does not write: a master without replicas
                    self._breaker.trip()
            if self._breaker.is_open:
                await asyncio.sleep(self._breaker.probe_pause())
            else:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._breaker.beat_pause()):
                        await self._queue.opened.wait()
