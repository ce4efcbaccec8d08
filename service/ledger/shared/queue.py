"""The queue before one line: what waits goes out together, one call in flight.

While a call is under way the next batch gathers, so under load an operation shares its round trip
with others, and one alone waits for nobody. Each has a deadline from where it enters, and a timer
of the event loop keeps it, whatever becomes of any task or connection. What becomes of lost calls
is found out here too.

For example, pick A comes while nothing is under way: it leaves alone, as call 7. Meanwhile B, C and
D come; when A is answered they leave together, as call 8. Should the answer to 8 not come in time,
B, C and D get CallLost(8, 0), (8, 1) and (8, 2) and are decided in this process; whoever waits
behind them is given back at once. Call 9, the heartbeat's, is answered: from then on 8 cannot be
applied any more, so Redis is asked what it has of it: it kept the answer to 8, if there was one,
in a place that no later call may take. Either it has one, and `fate` tells what each of the three
was given there; or it has none, and they were not applied.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any

import msgspec

from service.errors import LedgerUnavailable, LedgerWiped
from service.ledger.port import BATCH_TURNS, Operation, Pick, Take
from service.ledger.shared.breaker import Breaker
from service.ledger.shared.line import CallLost, LedgerBehind, Line
from service.ledger.shared.wire import CallReply
from service.metrics import Metrics, ledger_bucket
from service.tasks import heed_cancellation

FATES_KEPT = 4096
TOO_SLOW = "Redis is too slow for this pick"


class Fate(msgspec.Struct, frozen=True, gc=False):
    """A lost operation was applied: at this instant in ms, with this answer."""

    now: int
    answer: Any


class _Waiting(msgspec.Struct, gc=False):
    operation: Operation
    since: float
    answer: asyncio.Future[Any]


class CallQueue:
    """Sends through one line; `run` must be running.

    `heard` is called with the operations of each call that were answered in time, and the reply;
    `wiped` when the ledger turns out to have no members.

    Args:
        line: the numbered calls; its timeout bounds one of them.
        breaker: told of each call.
        deadline: seconds after which an operation is given back, whatever happens.
        metrics: where batches are counted.
    """

    def __init__(self, line: Line, breaker: Breaker, *, deadline: float, metrics: Metrics) -> None:
        self._line = line
        self._breaker = breaker
        self._deadline = deadline
        self._patience = max(0.0, deadline - line.timeout)  # for what waits to be sent
        self._metrics = metrics
        self._waiting: deque[_Waiting] = deque()
        self._loop = asyncio.get_running_loop()  # once: on Python 3.11 asking is a system call
        self._timer: asyncio.TimerHandle | None = None
        self._in_flight: Sequence[_Waiting] = ()
        self._fates: dict[int, CallReply | None] = {}
        self._wake = asyncio.Event()
        self._has_ended = False
        self.heard: Callable[[Sequence[Operation], CallReply], None] = lambda *_: None
        self.wiped: Callable[[], None] = lambda: None

    def enqueue(self, operation: Operation) -> asyncio.Future[Any]:
        """Have an operation sent; its future gets the answer, or LedgerUnavailable in time.

        Raises:
            LedgerUnavailable: nothing is sent at present.
        """
        if self._has_ended:
            raise LedgerUnavailable("The way to Redis is being built anew")
        loop = self._loop
        waiting = _Waiting(operation, loop.time(), loop.create_future())
        if not self._waiting:  # behind others it is set
            self._wake.set()
        self._waiting.append(waiting)
        if self._timer is None:
            self._timer = loop.call_at(waiting.since + self._deadline, self._expire)
        return waiting.answer

    def now(self) -> float:
        """Return the instant on the loop's clock."""
        return self._loop.time()

    def withdraw(self, call: str) -> None:
        """Give back whatever was asked under a call: it has an answer from elsewhere by now."""
        for index, one in enumerate(chain(self._in_flight, self._waiting)):
            asked = one.operation
            if isinstance(asked, (Pick, Take)) and asked.call == call and not one.answer.done():
                self._give_up(index, one)

    def fate(self, lost: CallLost) -> Fate | None:
        """Return the fate of a lost operation: None where it was not applied, or is forgotten.

        Raises:
            LedgerUnavailable: that is not known yet.
        """
        is_under_way = bool(self._in_flight) and lost.call == self._line.number
        if is_under_way or lost.call in self._line.lost:
            raise LedgerUnavailable("It is not known yet what became of a call")
        applied = self._fates.get(lost.call)
        return Fate(applied.now, applied.answers[lost.index]) if applied is not None else None

    async def run(self) -> None:
        """Send what waits, until cancelled."""
        self._has_ended = False
        try:
            while True:
                heed_cancellation()
                await self._wake.wait()
                if batch := self._next_batch():
                    await self._send(batch)
                if not self._waiting:
                    self._wake.clear()
        finally:
            self._has_ended = True
            self._give_back_all(LedgerUnavailable("The ledger is closing"))
            await self._line.close()

    def _next_batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        left, waiting = BATCH_TURNS, self._waiting
        oldest = self.now() - self._patience
        while waiting:
            one = waiting[0]
            if one.since < oldest:
                _give_back([one], LedgerUnavailable(TOO_SLOW))
            elif not one.answer.done():
                left -= one.operation.turns()  # asked once: it is worked out anew each time
                if left < 0 and batch:
                    break
                batch.append(one)
            waiting.popleft()
        return batch

    def _expire(self) -> None:
        """Give back whatever has reached its deadline; what is under way came first."""
        due = self._loop.time() - self._deadline
        self._timer = None
        for index, one in enumerate(chain(self._in_flight, self._waiting)):
            if one.answer.done():
                continue
            if one.since > due:
                self._timer = self._loop.call_at(one.since + self._deadline, self._expire)
                return
            self._give_up(index, one)

    def _give_up(self, index: int, one: _Waiting) -> None:
        """Give back one of those that are under way or wait, counted from the first."""
        is_sent = index < len(self._in_flight)
        late = CallLost(self._line.number, index) if is_sent else LedgerUnavailable(TOO_SLOW)
        one.answer.set_exception(late)

    async def _send(self, batch: list[_Waiting]) -> None:
        start = self.now()
        operations = tuple([one.operation for one in batch])
        self._in_flight = batch
        try:
            reply = await self._line.call(operations)
        except (LedgerWiped, LedgerBehind) as error:
            self._in_flight = ()
            _give_back(batch, error)
            self._give_back_all(error)
            self._breaker.missed()
            if isinstance(error, LedgerWiped):
                self.wiped()
        except BaseException as error:
            self._in_flight = ()
            self._break_off(batch, error)
            if not isinstance(error, LedgerUnavailable):
                raise
        else:
            self._in_flight = ()
            seconds = self.now() - start
            self._metrics.called.count((ledger_bucket(seconds), len(batch)), seconds)
            self._answer(batch, operations, reply)
            # Dry runs alone write nothing: that they are answered says nothing of other calls.
            if not all(operation.is_dry for operation in operations):
                self._breaker.succeeded()
                if self._line.lost:
                    await self._learn_fates()

    def _answer(
        self, batch: Sequence[_Waiting], operations: tuple[Operation, ...], reply: CallReply
    ) -> None:
        late = []
        for index, (one, answer) in enumerate(zip(batch, reply.answers, strict=True)):
            if not one.answer.done():
                one.answer.set_result(answer)
            else:
                late.append(index)
        if late:  # who was given back at its deadline may ask for the fate of this call
            self._keep_fates({self._line.number: reply})
            # What they were answered is not what they were shown.
            in_time = [index for index in range(len(batch)) if index not in late]
            operations = tuple([operations[index] for index in in_time])
            reply = reply._replace(answers=tuple([reply.answers[index] for index in in_time]))
        # A turn later: by then the next call is on its way.
        self._loop.call_soon(self.heard, operations, reply)

    def _break_off(self, batch: Sequence[_Waiting], error: BaseException) -> None:
        words = str(error) if isinstance(error, LedgerUnavailable) else "the call broke off"
        number = self._line.number
        is_lost = isinstance(error, CallLost) or number in self._line.lost
        for index, one in enumerate(batch):
            lost = CallLost(number, index) if is_lost else LedgerUnavailable(words)
            _give_back([one], lost)
        # Who waits behind a call that broke off has used up a call's time already.
        self._give_back_all(LedgerUnavailable("Redis does not answer"))
        self._breaker.failed(words)

    async def _learn_fates(self) -> None:
        """After a call that went through: what became of those that were lost before it."""
        with suppress(LedgerUnavailable):
            self._keep_fates(await self._line.fates())

    def _keep_fates(self, fates: dict[int, CallReply | None]) -> None:
        self._fates |= fates
        while len(self._fates) > FATES_KEPT:
            del self._fates[next(iter(self._fates))]

    def _give_back_all(self, error: LedgerUnavailable) -> None:
        _give_back(self._waiting, error)
        self._waiting.clear()


def _give_back(waiting: Iterable[_Waiting], error: LedgerUnavailable) -> None:
    for one in waiting:
        if not one.answer.done():
            one.answer.set_exception(error)
