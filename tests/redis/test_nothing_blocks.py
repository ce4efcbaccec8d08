"""How much of a pool one call touches, whatever waits in it; Redis itself says what was run.

Times are no test's matter: `tests.bench.ledger` measures them, at full size.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from redis.asyncio import Redis

from service.inventory import LEVELS, Inventory, PhoneNumber, Wish, steps_for
from service.ledger import Park, Pick, Picked, Rules
from service.ledger.answers import picked_from
from service.ledger.port import BATCH_TURNS, RETURNS_A_CALL, SCAN_LIMIT, Operation
from service.ledger.shared.ledger import RETURNS_A_SLICE
from service.ledger.shared.line import Line
from service.locality import Locality
from service.redis_.client import open_client
from tests.ledgers import (
    BASES,
    EVERYONE,
    GROUP,
    inventory_of,
    numbers,
    shared_ledger,
    write_members,
)

pytestmark = pytest.mark.no_cover  # the tests of the parts reach these lines too

MANY = 10_000
READ_AT_ONCE = 64  # members of a pool
START = 1_700_000_000_000
ONE = Pick(dry_run=False, steps=EVERYONE)
A_NUMBER = re.compile(r"\b0108989\d{4}\b")


@asynccontextmanager
async def line_to(url: str) -> AsyncIterator[Line]:
    client = open_client(url, timeout=30)
    line = Line(client, BASES, "one", 30)
    yield line
    await line.close()
    await client.aclose()


@asynccontextmanager
async def touched(url: str) -> AsyncIterator[list[set[str]]]:
    """The numbers that each call of a script names to Redis, to read or write them."""
    calls: list[set[str]] = []
    async with Redis.from_url(url) as client, client.monitor() as monitor:
        yield calls
        await client.echo("the end")
        while (seen := await monitor.next_command())["command"] != "ECHO the end":
            if re.match(r"FCALL \w+(?<!_ready) ", seen["command"]):
                calls.append(set())
            elif seen["client_type"] == "lua" and calls:
                calls[-1].update(A_NUMBER.findall(seen["command"]))


async def picked_by(line: Line, operation: Operation, now: int = START) -> Picked:
    (answer,) = (await line.call([operation], now)).answers
    return picked_from(answer)


async def park_all(line: Line, until: int) -> None:
    parks = [Park(one.number, "operator", until) for one in numbers(MANY)]
    for start in range(0, MANY, 1000):
        await line.call(parks[start : start + 1000], START)


async def test_a_pick_takes_back_few_of_ten_thousand_that_are_due(redis_url: str) -> None:
    await write_members(redis_url, inventory_of(MANY))
    async with line_to(redis_url) as line:
        await park_all(line, START + 1)
        async with touched(redis_url) as calls:
            picked = await picked_by(line, ONE, START + 1)
    assert picked.uses
    assert [len(call) for call in calls] == [RETURNS_A_CALL]


async def test_the_sweeper_takes_them_back_in_slices(redis_url: str) -> None:
    await write_members(redis_url, inventory_of(MANY))
    async with line_to(redis_url) as line:
        await park_all(line, START + 1)
    async with (
        touched(redis_url) as calls,
        shared_ledger(redis_url, inventory_of(MANY), process="two") as side,
    ):
        await side.shared.take_back()
        assert not any((await side.shared.census.parked_by()).values())
    assert max(map(len, calls)) <= RETURNS_A_CALL + RETURNS_A_SLICE


async def test_a_refusal_looks_at_none_of_ten_thousand_parked_numbers(redis_url: str) -> None:
    await write_members(redis_url, inventory_of(MANY))
    async with line_to(redis_url) as line:
        await park_all(line, START + 60_000)
        async with touched(redis_url) as calls:
            picked = await picked_by(line, ONE)
    assert picked.rejected == (("parked", MANY),)
    assert calls == [set()]


async def test_tags_that_nobody_bears_need_no_walk(redis_url: str) -> None:
    """Each set of tags is a pool of its own; a filter without one has nothing to try."""
    inventory = Inventory("ccc-test", 1, map(with_tag, numbers(MANY)))
    await write_members(redis_url, inventory)
    here = Locality("北京", "北京", "010")
    steps = steps_for(inventory, here, Wish((GROUP,), tags=("VIP", "M1")), LEVELS)
    async with line_to(redis_url) as line, touched(redis_url) as calls:
        assert not (await picked_by(line, Pick(dry_run=False, steps=steps))).uses
    assert not steps
    assert calls == [set()]


def with_tag(number: PhoneNumber) -> PhoneNumber:
    return msgspec.structs.replace(number, tags=("M1",))


async def test_a_callee_that_saw_all_numbers_is_not_compared_with_all(redis_url: str) -> None:
    await write_members(redis_url, inventory_of(500))
    async with line_to(redis_url) as line:
        line.rule(Rules(cooldown=60_000))
        hundred = Pick(dry_run=False, steps=EVERYONE, count=100, callee="callee")
        for _ in range(5):
            await line.call([hundred], START)
        async with touched(redis_url) as calls:
            picked = await picked_by(line, hundred)
    assert picked.rejected == (("cooldown", SCAN_LIMIT),)
    assert len(calls[0]) <= SCAN_LIMIT + READ_AT_ONCE


async def test_a_thousand_waiting_picks_go_in_small_calls(redis_url: str) -> None:
    await write_members(redis_url, inventory_of(2000))
    async with (
        touched(redis_url) as calls,
        shared_ledger(redis_url, inventory_of(2000)) as side,
    ):
        decisions = await asyncio.gather(*(side.pick(ONE) for _ in range(1000)))
    assert len({decision.picked.uses for decision in decisions}) == 1000
    assert max(map(len, calls)) <= BATCH_TURNS + READ_AT_ONCE
