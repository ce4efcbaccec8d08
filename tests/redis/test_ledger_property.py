"""Both ledgers are driven with the same calls and must give the same answers."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from redis.asyncio import Redis

from service.inventory import LEVELS, Inventory, PhoneNumber, agent_pool
from service.ledger import MembersWriter, MemoryLedger, Park, Pick, Return, Take, Unpark
from service.ledger.line import Line
from service.ledger.port import Operation, Picked

T = TypeVar("T")

PLACES = [
    ("北京", "北京", "010"),
    ("四川", "成都", "028"),
    ("四川", "眉山", "028"),
    ("四川", "乐山", "0833"),
    ("海南", "", "0898"),
]
GROUPS = ["sales@ccc-test", "support@ccc-test", "survey@ccc-test"]
KINDS = ["pick", "pick", "pick", "agent", "take", "park", "unpark"]
BASE = "callerid:1:{property}:ccc-test:"


@st.composite
def phone_numbers(draw: st.DrawFn, last: int) -> PhoneNumber:
    province, city, area_code = draw(st.sampled_from(PLACES))
    groups = tuple(draw(st.sets(st.sampled_from(GROUPS), max_size=3)))
    agent = "" if groups else draw(st.sampled_from(["", "agent@ccc-test"]))
    return PhoneNumber(
        f"010{last:08d}", province, city, area_code, skill_group_ids=groups, agent_id=agent
    )


@st.composite
def inventories(draw: st.DrawFn) -> list[PhoneNumber]:
    lasts = draw(st.sets(st.integers(0, 30), max_size=25))
    return [draw(phone_numbers(last)) for last in sorted(lasts)]


numbers = st.integers(0, 30).map(lambda last: f"010{last:08d}")
reasons = st.sampled_from(["operator", "resting"])


def pools_of(inventory: Inventory, groups: set[str], place: tuple[str, str, str]) -> list[Any]:
    province, city, area_code = place
    names = {"city": area_code + city, "area_code": area_code, "province": province, "any": "*"}
    steps = []
    for level in LEVELS:
        pools = tuple(
            pool for group in sorted(groups) if (pool := inventory.pool(group, level, names[level]))
        )
        if pools:
            steps.append(pools)
    return steps


class BothLedgers(RuleBasedStateMachine):
    """One inventory, one clock, two ledgers."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.memory = MemoryLedger(lambda: self.now)
        self.now = 1_700_000_000_000
        self.generation = 0
        self.inventory = Inventory("ccc-test", 0, [])
        self.run(self.open())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    async def open(self) -> None:
        self.client = Redis.from_url(self.url)
        await self.client.flushall()
        self.line = Line(self.client, BASE, "tests", timeout=5)

    def teardown(self) -> None:
        async def close() -> None:
            await self.line.close()
            await self.client.aclose()

        self.run(close())
        self.runner.close()

    def apply(self, operations: list[Operation]) -> list[Picked | bool | int]:
        expected = self.memory.apply(self.now, operations)
        generation, answers = self.run(self.line.call(operations, self.now))
        decoded = [
            msgspec.msgpack.decode(answer, type=type(wanted))
            for answer, wanted in zip(answers, expected, strict=True)
        ]
        assert decoded == expected
        assert generation == self.generation
        return expected

    @initialize(listed=inventories())
    def start(self, listed: list[PhoneNumber]) -> None:
        self.accept(listed)

    @rule(listed=inventories())
    def change(self, listed: list[PhoneNumber]) -> None:
        self.accept(listed)

    def accept(self, listed: list[PhoneNumber]) -> None:
        self.generation += 1
        self.inventory = Inventory("ccc-test", self.generation, listed)
        self.run(MembersWriter(self.client, BASE).write(self.inventory, self.generation, "epoch"))
        self.memory.replace(self.inventory)

    def operation(self, data: st.DataObject) -> Operation:
        kind = data.draw(st.sampled_from(KINDS))
        if kind == "take":
            return Take(data.draw(st.booleans()), data.draw(numbers))
        if kind == "park":
            until = self.now + data.draw(st.integers(-1000, 5000))
            return Park(data.draw(numbers), data.draw(reasons), until)
        if kind == "unpark":
            return Unpark(data.draw(numbers), data.draw(reasons))
        groups = data.draw(st.sets(st.sampled_from(GROUPS), min_size=1))
        steps = pools_of(self.inventory, groups, data.draw(st.sampled_from(PLACES)))
        agent = agent_pool("agent@ccc-test")
        if kind == "agent" and agent in self.inventory.members:
            steps.insert(0, (agent,))
        excluded = data.draw(st.sets(numbers, max_size=4))
        count = data.draw(st.integers(1, 6))
        return Pick(data.draw(st.booleans()), tuple(steps), count, tuple(sorted(excluded)))

    @rule(data=st.data(), size=st.integers(0, 8), later=st.integers(-500, 3000))
    def call(self, data: st.DataObject, size: int, later: int) -> None:
        self.now += later
        operations = [self.operation(data) for _ in range(size)]
        self.apply([one for one in operations if not isinstance(one, Pick) or one.steps])

    @precondition(lambda self: self.inventory.numbers)
    @rule(later=st.integers(0, 3000), limit=st.integers(1, 20))
    def take_back(self, later: int, limit: int) -> None:
        self.now += later
        self.apply([Return(limit)])

    @rule()
    def every_pool_has_the_same_order(self) -> None:
        self.apply(
            [
                Pick(dry_run=True, steps=((pool,),), count=100)
                for pool in sorted(self.inventory.members)
            ]
        )


def test_the_ledger_in_redis_and_the_one_in_memory_decide_alike(redis_url: str) -> None:
    class Machine(BothLedgers):
        url = redis_url

    run_state_machine_as_test(
        Machine, settings=settings(max_examples=60, stateful_step_count=30, deadline=None)
    )
