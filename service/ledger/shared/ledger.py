"""The shared ledger: the port over a queue of calls to Redis."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from service.errors import LedgerUnavailable
from service.ledger.port import BATCH_TURNS, Answered, AnswerT, Operation, Outcome, Return, Review
from service.ledger.rules import Rules
from service.ledger.shared.breaker import Breaker
from service.ledger.shared.census import Census
from service.ledger.shared.line import CallLost, Line
from service.ledger.shared.queue import FATES_KEPT, CallQueue, Fate
from service.ledger.shared.recent import Applied
from service.tasks import heed_cancellation, wait_at_most

RETURNS_A_SLICE = 16


class SharedLedger:
    """Decides through one line; `queue.run` and `beat` must be running.

    Args:
        line: the numbered calls.
        queue: what waits for them.
        breaker: when to stop asking.
    """

    def __init__(self, line: Line, queue: CallQueue, breaker: Breaker) -> None:
        self._line = line
        self._breaker = breaker
        self.queue = queue
        self._lost: dict[Operation, CallLost] = {}  # until they are told again

    @property
    def serves_since(self) -> float:
        """The instant, on the loop's clock, since which Redis has served again."""
        return self._breaker.serves_since

    @property
    def trouble(self) -> str:
        """Redis's words for why it does not serve, "" while it does."""
        return self._breaker.words

    @property
    def census(self) -> Census:
        """What reads the ledger beside the calls."""
        return self._line.census

    async def apply(self, operation: Answered[AnswerT]) -> AnswerT:
        """Apply an operation on every replica, in the call that leaves next.

        An outcome whose answer was lost is to be told again, and then has the answer of that call:
        told twice it would find that it has ended its call already.
        """
        is_outcome = isinstance(operation, Outcome)
        if is_outcome and (fate := self._fate_of(operation)) is not None:
            return operation.read(fate.answer)
        try:
            return operation.read(await self.send(operation))
        except CallLost as error:
            if is_outcome:
                self._lost.setdefault(operation, error)
                if len(self._lost) > FATES_KEPT:
                    del self._lost[next(iter(self._lost))]
            raise

    def _fate_of(self, operation: Operation) -> Fate | None:
        """What became of an outcome that was lost before; None where it is to be sent."""
        if not self._lost or (lost := self._lost.get(operation)) is None:
            return None
        fate = self.queue.fate(lost)
        del self._lost[operation]
        return fate

    def send(self, operation: Operation) -> asyncio.Future[Any]:
        """Have an operation sent in the call that leaves next; its future gets the answer."""
        if self._breaker.is_open:
            raise LedgerUnavailable(f"Redis does not serve: {self._breaker.words}")
        return self.queue.enqueue(operation)

    def on_missed(self, callback: Callable[[list[Applied]], None]) -> None:
        """Have the calls that Redis has lost handed to a function, to be told again."""
        self._line.missed = callback

    async def review(self) -> None:
        """Look again at all parked numbers, each slice in a call of its own."""
        parked = await self.census.parked()
        for start in range(0, len(parked), BATCH_TURNS):
            await self.apply(Review(parked[start : start + BATCH_TURNS]))

    def rule(self, rules: Rules) -> None:
        """Decide under these rules from the next call."""
        self._line.rule(rules)

    async def take_back(self) -> None:
        """Return all numbers whose time has come, each slice in a call of its own.

        It is the probe of a Redis that is away, too: what it asks for is a write.
        """
        returns = Return(RETURNS_A_SLICE)
        while await self.queue.enqueue(returns) == RETURNS_A_SLICE:
            pass

    async def beat(self) -> None:
        """Keep taking back, and asking whether Redis is there; until cancelled."""
        while True:
            with suppress(LedgerUnavailable):
                await self.take_back()
            heed_cancellation()
            if self._breaker.words:
                await asyncio.sleep(self._breaker.probe_pause())
            else:
                await wait_at_most(self._breaker.beat_pause(), self._breaker.doubted)
