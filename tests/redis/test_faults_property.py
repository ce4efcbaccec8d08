"""Two processes over one Redis: any reply is lost, any duty is killed, any clock stepped.

Whatever comes in whatever order, each pick that was answered is counted once in the end, no number
or callee was used beyond what the rules allow, and a process that is asked again under a call
answers as it did.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from redis.exceptions import ConnectionError as RedisConnectionError

from service import tasks
from service.ledger import CalleeRule, Decision, Limits, Pick, Rules
from service.ledger import failover as failover_module
from service.ledger.port import Operation
from service.ledger.shared import breaker as breaker_module
from service.ledger.shared.wire import CallReply
from tests.conftest import TIMES, RedisServer
from tests.faults.harness.answers import Answer, recount
from tests.ledgers import (
    Shared,
    client_of,
    counted,
    inventory_of,
    now_ms,
    pick,
    picks_until,
    shared_ledger,
    write_members,
)
from tests.waiting import eventually

# Thousands of steps: counting their lines triples their time, and other tests reach them too.
pytestmark = pytest.mark.no_cover

T = TypeVar("T")

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
LIMIT = 4
RULES = Rules(
    limits={"": Limits(max_per_day=1000)},
    callee=(CalleeRule(LIMIT, DAY, by_calendar=False),),
    idempotency=DAY,
    offsets=((0, DAY // 2 - now_ms() % DAY),),  # it is noon: no step leads to another day
)
DUTIES = [f"ledger-{duty}" for duty in ("calls", "heartbeat", "write-back", "presence", "keep-up")]
EXAMPLES, STEPS = 30, 25

processes = st.integers(0, 1)
few = st.sampled_from([False, False, False, True])
losses = st.sampled_from(["before", "after"])
calls = st.integers(0, 9).map(lambda n: f"call-{n}")


def knows(side: Shared) -> bool:
    return side.ledger.recall() is not None


def picked_as(call: str) -> Pick:
    """A pick under an id, of which the last letter is the callee."""
    return pick(call, callee=call[-1])


class Faulty:
    """The line of one process: its next calls break off before or after they are applied."""

    def __init__(self, side: Shared) -> None:
        self.side = side
        self.losses: list[str] = []
        self._send = side.line._send
        side.line._send = self._sent  # type: ignore[method-assign]

    async def _sent(self, arguments: Sequence[bytes], *, again: bool = True) -> Any:
        how = self.losses.pop() if self.losses else ""
        if how == "before":
            self.side.line._is_sent = True
            raise RedisConnectionError("lost on its way there")
        reply = await self._send(arguments, again=again)
        if how == "after":
            raise RedisConnectionError("lost on its way back")
        return reply


class UnderFaults(RuleBasedStateMachine):
    """Picks of two processes, and everything that may happen between them."""

    server: RedisServer

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.began = self.now = now_ms()
        self.inventory = inventory_of(9)
        self.answers: dict[str, set[str]] = {}
        self.callees: Counter[tuple[int, str]] = Counter()
        self.told: defaultdict[tuple[int, str], set[str]] = defaultdict(set)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @initialize()
    def start(self) -> None:
        self.run(self.open())

    async def open(self) -> None:
        url = self.server.url
        self.client = await self.stack.enter_async_context(client_of(url, 5))
        await self.client.flushall()
        await write_members(url, self.inventory)
        self.sides = [
            await self.stack.enter_async_context(
                shared_ledger(url, self.inventory, process=f"p{n}", clock=lambda: self.now)
            )
            for n in range(2)
        ]
        self.lines = [Faulty(side) for side in self.sides]
        for side in self.sides:
            side.ledger.rule(RULES)
            side.line.call = self.timed(side)  # type: ignore[method-assign]
            await eventually(partial(knows, side))

    def timed(self, side: Shared) -> Any:
        call = side.line.call

        async def calling(operations: Sequence[Operation]) -> CallReply:
            return await call(operations, self.now)

        return calling

    @rule(process=processes, call=calls, callee=st.sampled_from("abc"), killed=few)
    def pick(self, process: int, call: str, callee: str, *, killed: bool) -> None:
        asked = picked_as(call + callee)
        decision = self.run(self.picked(self.sides[process], asked, killed=killed))
        for number, _ in decision.picked.uses:
            if asked.call not in self.answers:
                self.callees[process, callee] += 1
            self.answers.setdefault(asked.call, set()).add(number)
            self.told[process, asked.call].add(number)

    @rule(process=processes, call=calls, callee=st.sampled_from("abc"), how=losses, too=few)
    def pick_at_both(self, process: int, call: str, callee: str, how: str, *, too: bool) -> None:
        """Ask one that loses the reply, and then the other, which may lose it too."""
        self.lose(process, [how])
        self.lose(1 - process, [how] if too else [])
        for asked in (process, 1 - process):
            self.pick(asked, call, callee, killed=False)

    async def picked(self, side: Shared, asked: Pick, *, killed: bool) -> Decision:
        """Pick; the calls may end while it is under way."""
        pick = asyncio.ensure_future(side.ledger.pick(asked))
        for _ in range(3 if killed else 0):
            await asyncio.sleep(0)
        if killed:
            await self.end("ledger-calls")
        return await pick

    @rule(process=processes, how=st.lists(losses, max_size=5))
    def lose(self, process: int, how: list[str]) -> None:
        self.lines[process].losses += how

    @rule(name=st.sampled_from(DUTIES))
    def kill(self, name: str) -> None:
        self.run(self.end(name))

    async def end(self, name: str) -> None:
        for task in asyncio.all_tasks():
            if task.get_name() == name:
                task.cancel()
        await asyncio.sleep(0)

    @rule(by=st.sampled_from([-HOUR, -MINUTE, MINUTE, HOUR]))
    def step(self, by: int) -> None:
        self.now = min(max(self.now + by, self.began - 5 * HOUR), self.began + 5 * HOUR)

    @rule(seconds=st.sampled_from([0.0, 0.01, 0.05]))
    def wait(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))

    @invariant()
    def no_callee_is_called_more_often_than_its_processes_allow(self) -> None:
        assert all(count <= LIMIT for count in self.callees.values())

    @invariant()
    def no_process_answers_a_call_in_two_ways(self) -> None:
        assert all(len(numbers) == 1 for numbers in self.told.values())

    def teardown(self) -> None:
        try:
            if hasattr(self, "lines"):
                self.run(self.settle())
        finally:
            self.run(self.stack.aclose())
            self.runner.close()

    async def settle(self) -> None:
        """All is well again: what was answered is what is counted, and is answered again."""
        for line, side in zip(self.lines, self.sides, strict=True):
            line.losses.clear()
            await picks_until(side, "redis", shown := Counter[str]())
            for n, number in enumerate(shown.elements()):
                self.answers[f"{side.line.name}-{id(side)}-{n}"] = {number}
        for process, call in self.told:
            again = await self.sides[process].ledger.pick(picked_as(call))
            self.told[process, call].update(number for number, _ in again.picked.uses)
        self.no_process_answers_a_call_in_two_ways()
        await counted(self.sides[1], self.inventory)
        uses = await counted(self.sides[0], self.inventory)
        assert uses.total() == len(self.answers)
        told = [
            Answer(call, "", "", 0, 0, 0, 200, number=number)
            for call, numbers in self.answers.items()
            for number in numbers
        ]
        assert recount(told, uses).lost == 0, (uses, self.answers)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "SHORTEST_PAUSE", 0.01)
    monkeypatch.setattr(tasks, "LONGEST_PAUSE", 0.01)
    monkeypatch.setattr(breaker_module, "PROBE_SECONDS", 0.02)
    monkeypatch.setattr(failover_module, "KEEP_UP_SECONDS", 0.05)
    monkeypatch.setattr(failover_module, "PRESENCE_SECONDS", 0.05)
    monkeypatch.setattr(failover_module, "CATCH_UP_SECONDS", 0.1)


def test_whatever_fails_each_answered_pick_is_counted_once(own_redis: RedisServer) -> None:
    class Machine(UnderFaults):
        server = own_redis

    bounds = settings(max_examples=TIMES * EXAMPLES, stateful_step_count=STEPS)
    run_state_machine_as_test(Machine, settings=bounds)
