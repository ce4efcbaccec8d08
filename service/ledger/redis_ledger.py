"""The shared ledger: waiting operations go out together, one call in flight.

While a call is under way the next batch gathers, so under load a pick shares its round trip with
others, and a pick alone waits for nobody. No pick waits longer than its budget: what cannot be
sent in time any more is given back to be decided in this process.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

import msgspec

from service.errors import LedgerUnavailable, LedgerWiped
from service.ledger.breaker import HEARTBEAT_SECONDS, Breaker
from service.ledger.line import Line
from service.ledger.port import (
    BATCH_TURNS,
    Avoid,
    Cap,
    Decision,
    Describe,
    Followed,
    Operation,
    Outcome,
    Park,
    Pick,
    Picked,
    Return,
    Review,
    Standing,
    Stop,
    Take,
    Unpark,
)
from service.ledger.rules import Rules
from service.metrics import Metrics

RETURNS_A_SLICE = 100
NO_MEMBERS = 0

T = TypeVar("T")
_picked = msgspec.msgpack.Decoder(Picked)
_flag = msgspec.msgpack.Decoder(bool)
_count = msgspec.msgpack.Decoder(int)
_followed = msgspec.msgpack.Decoder(Followed)
_standings = msgspec.msgpack.Decoder(tuple[Standing, ...])


class _Waiting(NamedTuple):
    operation: Operation
    turns: int
    since: float
    answer: asyncio.Future[Any]


class RedisLedger:
    """Decides through one line; `run` must be running.

    Args:
        line: the numbered calls; its timeout bounds one of them.
        breaker: when to stop asking.
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
        self._wake = asyncio.Event()
        self._opened = asyncio.Event()

    async def pick(self, pick: Pick | Take) -> Decision:
        """Decide and record, in the call that leaves next."""
        return Decision("redis", _picked.decode(await self._ask(pick, pick.turns)))

    async def park(self, park: Park) -> bool:
        """Take a number out of rotation, on every replica; False for one that is no member."""
        return _flag.decode(await self._ask(park))

    async def unpark(self, unpark: Unpark) -> bool:
        """Put a number back; False where it was not parked for that reason."""
        return _flag.decode(await self._ask(unpark))

    async def follow(self, outcome: Outcome) -> Followed:
        """Renew or free the leases of a call."""
        return _followed.decode(await self._ask(outcome))

    async def stop(self, stop: Stop) -> None:
        """Refuse a callee for a while, on every replica."""
        await self._ask(stop)

    async def avoid(self, avoid: Avoid) -> bool:
        """Keep a number from a region; False for one that is no member."""
        return _flag.decode(await self._ask(avoid))

    async def cap(self, cap: Cap) -> bool:
        """Give a number a daily cap of its own; False for one that is no member."""
        return _flag.decode(await self._ask(cap))

    async def describe(self, numbers: tuple[str, ...]) -> tuple[Standing, ...]:
        """How these numbers stand, in their order."""
        standings: list[Standing] = []
        for start in range(0, len(numbers), BATCH_TURNS):
            some = Describe(dry_run=True, numbers=numbers[start : start + BATCH_TURNS])
            standings += _standings.decode(await self._ask(some, BATCH_TURNS))
        return tuple(standings)

    async def review(self) -> None:
        """Look again at all parked numbers, each slice in a call of its own."""
        parked = await self._line.parked()
        for start in range(0, len(parked), BATCH_TURNS):
            await self._ask(Review(parked[start : start + BATCH_TURNS]), BATCH_TURNS)

    async def parked_by(self) -> Mapping[str, int]:
        """How many numbers are out, by reason."""
        return await self._line.parked_by()

    def rule(self, rules: Rules) -> None:
        """Decide under these rules from the next call."""
        self._line.rules = rules

    async def take_back(self) -> None:
        """Return all numbers whose time has come, each slice in a call of its own."""
        returns = Return(RETURNS_A_SLICE)
        while _count.decode(await self._enqueue(returns, BATCH_TURNS)) == RETURNS_A_SLICE:
            pass

    async def run(self) -> None:
        """Send what waits, and keep asking whether Redis is there; until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._send_all(), name="ledger-calls")
                tasks.create_task(self._beat(), name="ledger-heartbeat")
        finally:
            self._give_back(self._waiting, LedgerUnavailable("The ledger is closing"))
            self._waiting.clear()
            await self._line.close()

    async def _ask(self, operation: Operation, turns: int = 1) -> Any:
        if self._breaker.is_open:
            raise LedgerUnavailable("Redis is down")
        return await self._enqueue(operation, turns)

    def _enqueue(self, operation: Operation, turns: int) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        answer = loop.create_future()
        self._waiting.append(_Waiting(operation, turns, loop.time(), answer))
        self._wake.set()
        return answer

    async def _beat(self) -> None:
        while True:
            with suppress(LedgerUnavailable):
                await self.take_back()
            if self._breaker.is_open:
                await asyncio.sleep(self._breaker.probe_pause())
            else:
                with suppress(TimeoutError):
                    async with asyncio.timeout(HEARTBEAT_SECONDS):
                        await self._opened.wait()

    async def _send_all(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._send(self._next_batch())

    def _next_batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        turns = 0
        oldest = asyncio.get_running_loop().time() - self._patience
        while self._waiting and (not batch or turns + self._waiting[0].turns <= BATCH_TURNS):
            one = self._waiting.popleft()
            if one.since < oldest:
                self._give_back([one], LedgerUnavailable("Redis is too slow for this pick"))
            elif not one.answer.done():
                batch.append(one)
                turns += one.turns
        return batch

    async def _send(self, batch: list[_Waiting]) -> None:
        if not batch:
            return
        clock = asyncio.get_running_loop().time
        start = clock()
        try:
            generation, answers = await self._line.call([one.operation for one in batch])
        except LedgerWiped as error:
            self._reached(up=True)
            self._notice(NO_MEMBERS)
            self._give_back(batch, error)
        except LedgerUnavailable as error:
            self._reached(up=False)
            self._give_back(batch, error)
            # Who waits behind a call that broke off has used up a call's time already.
            self._give_back(self._waiting, error)
            self._waiting.clear()
        except BaseException:
            self._give_back(batch, LedgerUnavailable("The ledger is closing"))
            raise
        else:
            self._reached(up=True)
            self._metrics.ledger_duration.observe(clock() - start)
            self._metrics.ledger_batch_size.observe(len(batch))
            for one, answer in zip(batch, answers, strict=True):
                if not one.answer.done():
                    one.answer.set_result(answer)
            self._notice(generation)

    def _reached(self, *, up: bool) -> None:
        if up:
            self._breaker.succeeded()
            self._opened.clear()
        else:
            self._breaker.failed()
            if self._breaker.is_open:
                self._opened.set()
        self._metrics.redis_up.set(up)

    @staticmethod
    def _give_back(waiting: Any, error: LedgerUnavailable) -> None:
        for one in waiting:
            if not one.answer.done():
                one.answer.set_exception(error)
