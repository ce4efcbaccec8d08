"""The queue before one line: what waits goes out together, one call in flight.

While a call is under way the next batch gathers, so under load an operation shares its round trip
with others, and one alone waits for nobody. None waits longer than its patience: what cannot be
sent in time any more is given back. What becomes of lost calls is found out here too.

For example, pick A comes while nothing is under way: it leaves alone, as call 7. Meanwhile B, C and
D come; when A is answered they leave together, as call 8. Should the answer to 8 not come in time,
B, C and D get CallLost(8, 0), (8, 1) and (8, 2) and are decided in this process; whoever waits
behind them is given back at once. Call 9, the heartbeat's, is answered: from then on 8 cannot be
applied any more, so Redis is asked what it has of it. Either it has an answer to 8, and `fate`
tells what each of the three was given there; or it has none, and they were not applied.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from random import Random
from typing import Any

import msgspec

from service.errors import LedgerUnavailable, LedgerWiped
from service.ledger.port import BATCH_TURNS, Operation
from service.ledger.shared.line import CallLost, Fate, Line
from service.metrics import Metrics
from service.tasks import heed_cancellation

NO_MEMBERS = 0
FATES_KEPT = 4096
FAILURES_TO_OPEN = 3
HEARTBEAT_SECONDS = 1.0
PROBE_SECONDS = 0.25

_log = logging.getLogger(__name__)


class Breaker:
    """Open after three failed calls in a row, closed by the first that succeeds.

    Picks never probe a Redis that is away: the heartbeat does, so no callee waits to find out.
    """

    def __init__(self, randomness: Random) -> None:
        self._randomness = randomness
        self._failures = 0

    @property
    def is_open(self) -> bool:
        """True while picks are decided without asking."""
        return self._failures >= FAILURES_TO_OPEN

    def succeeded(self) -> None:
        """Close: a call was answered."""
        self._failures = 0

    def failed(self) -> None:
        """Count a call that was not answered in time, or broke."""
        self._failures += 1

    def trip(self) -> None:
        """Open at once: what was asked for has shown that Redis does not serve."""
        self._failures = FAILURES_TO_OPEN

    def beat_pause(self) -> float:
        """Return the seconds to the next heartbeat while closed; many instances beat apart."""
        return HEARTBEAT_SECONDS * self._randomness.uniform(0.8, 1.0)

    def probe_pause(self) -> float:
        """Return the seconds to the next probe while open: jittered, for processes not to march."""
        return PROBE_SECONDS * self._randomness.uniform(0.8, 1.2)


class _Waiting(msgspec.Struct, gc=False):
    operation: Operation
    since: float
    answer: asyncio.Future[Any]


class CallQueue:
    """Sends through one line; `run` must be running, `opened` is set while the breaker is open.

    Args:
        line: the numbered calls; its timeout bounds one of them.
        breaker: told of each call.
        patience: seconds that an operation may wait before it is sent.
        metrics: where batches and Redis's state are counted.
        notice: told the generation of the ledger's members with each reply, NO_MEMBERS when it
            was wiped.
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
        self._patience = patience
        self._metrics = metrics
        self._notice = notice
        self._waiting: deque[_Waiting] = deque()
        self._lost: set[int] = set()
        self._fates: dict[int, tuple[int, list[Any]] | None] = {}
        self._wake = asyncio.Event()
        self._is_up: bool | None = None
        self.opened = asyncio.Event()

    def enqueue(self, operation: Operation) -> asyncio.Future[Any]:
        """Have an operation sent; its future gets the answer, or LedgerUnavailable."""
        loop = asyncio.get_running_loop()
        answer = loop.create_future()
        self._waiting.append(_Waiting(operation, loop.time(), answer))
        if not self._wake.is_set():
            self._wake.set()
        return answer

    def fate(self, lost: CallLost) -> Fate | None:
        """Return the fate of a lost operation: None where it was not applied, or is forgotten.

        Raises:
            LedgerUnavailable: that is not known yet.
        """
        if lost.call in self._lost:
            raise LedgerUnavailable("It is not known yet what became of a call")
        applied = self._fates.get(lost.call)
        return Fate(applied[0], applied[1][lost.index]) if applied else None

    async def run(self) -> None:
        """Send what waits, until cancelled."""
        try:
            while True:
                heed_cancellation()
                await self._wake.wait()
                if batch := self._next_batch():
                    await self._send(batch)
                if not self._waiting:
                    self._wake.clear()
        finally:
            self._give_back_all(LedgerUnavailable("The ledger is closing"))
            await self._line.close()

    def _next_batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        left, waiting = BATCH_TURNS, self._waiting
        oldest = asyncio.get_running_loop().time() - self._patience
        while waiting and (not batch or waiting[0].operation.turns <= left):
            one = waiting.popleft()
            if one.since < oldest:
                _give_back([one], LedgerUnavailable("Redis is too slow for this pick"))
            elif not one.answer.done():
                batch.append(one)
                left -= one.operation.turns
        return batch

    async def _send(self, batch: list[_Waiting]) -> None:
        clock = asyncio.get_running_loop().time
        start = clock()
        try:
            generation, answers = await self._line.call([one.operation for one in batch])
        except LedgerWiped as error:
            self._reached(up=True)
            self._notice(NO_MEMBERS)
            _give_back(batch, error)
        except LedgerUnavailable as error:
            self._break_off(batch, error)
        except BaseException:
            _give_back(batch, LedgerUnavailable("The ledger is closing"))
            raise
        else:
            self._reached(up=True)
            self._metrics.ledger_duration.observe(clock() - start)
            self._metrics.ledger_batch_size.observe(len(batch))
            for one, answer in zip(batch, answers, strict=True):
                if not one.answer.done():
                    one.answer.set_result(answer)
            self._notice(generation)
            # The script remembers no call of dry runs alone.
            if self._lost and not all(one.operation.is_dry for one in batch):
                await self._learn_fates()

    def _break_off(self, batch: list[_Waiting], error: LedgerUnavailable) -> None:
        self._reached(up=False)
        if isinstance(error, CallLost):
            self._lost.add(error.call)
            for index, one in enumerate(batch):
                _give_back([one], CallLost(error.call, index))
        else:
            _give_back(batch, error)
        # Who waits behind a call that broke off has used up a call's time already.
        self._give_back_all(LedgerUnavailable("Redis does not answer"))

    async def _learn_fates(self) -> None:
        """After a call that went through: what became of those that were lost before it."""
        with suppress(LedgerUnavailable):
            applied = await self._line.fates()
            self._fates |= {call: applied.get(call) for call in self._lost}
            self._lost.clear()
        while len(self._fates) > FATES_KEPT:
            del self._fates[next(iter(self._fates))]

    def _reached(self, *, up: bool) -> None:
        if up:
            self._breaker.succeeded()
            if self.opened.is_set():
                self.opened.clear()
                _log.info("%s: Redis answers again and decides picks", self._line.name)
        else:
            self._breaker.failed()
            if self._breaker.is_open and not self.opened.is_set():
                self.opened.set()
                _log.warning(
                    "%s: Redis does not answer: picks are decided in this process", self._line.name
                )
        if up is not self._is_up:
            self._is_up = up
            self._metrics.redis_up.set(up)

    def _give_back_all(self, error: LedgerUnavailable) -> None:
        _give_back(self._waiting, error)
        self._waiting.clear()


def _give_back(waiting: Iterable[_Waiting], error: LedgerUnavailable) -> None:
    for one in waiting:
        if not one.answer.done():
            one.answer.set_exception(error)
