"""What the ledger leaves in Redis: every key expires, or goes with the numbers that it is about.

That no other key stays is held by the guard of the fixture, after each test.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from service.inventory import Inventory, PhoneNumber
from service.ledger import (
    Avoid,
    CalleeRule,
    Cap,
    Limits,
    Outcome,
    Park,
    Pick,
    Rules,
    Stop,
    Take,
    Unpark,
)
from service.ledger.port import Operation
from service.ledger.shared.line import Line
from tests.ledgers import BASE, BASES, EVERYONE, numbers, write_members

NUMBERS = 20
SCOPE = "callerid:2:{ccc-test}:"
LIMITS = Limits(max_per_hour=3, max_per_day=5, max_concurrent=2, lease=60_000, rest=1)
RULES = Rules(
    limits={"": LIMITS},
    callee=(CalleeRule(5, 60_000, by_calendar=False),),
    cooldown=2_000,
    sticky=1_000,
)
OF_NUMBERS = {"numbers", "homes", "home", "parked", "parks", "pool"}


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


async def test_every_kind_of_key_was_made_by_a_mixed_day(redis_url: str, client: Redis) -> None:
    await a_mixed_day(redis_url, client)
    assert await kinds(client) == OF_NUMBERS | {
        "state",
        "parked_by",
        "parked_in",
        "process",
        "callee",
        "call",
    }


async def test_nothing_of_a_number_is_left_once_it_has_left(redis_url: str, client: Redis) -> None:
    await a_mixed_day(redis_url, client)
    await write_members(redis_url, Inventory("ccc-test", 2, []), fence=2)
    assert not await kinds(client) & OF_NUMBERS
    for counts in ("parked_by", "parked_in"):
        assert set(await client.hvals(f"{BASE}{counts}")) == {b"0"}


async def test_what_others_have_stays_when_one_leaves(redis_url: str, client: Redis) -> None:
    await a_mixed_day(redis_url, client)
    gone, *others = numbers(NUMBERS)
    await write_members(redis_url, Inventory("ccc-test", 2, others), fence=2)
    assert not await keys_with(client, gone.number)
    assert await keys_with(client, others[0].number)
    parks = await client.hlen(f"{BASE}parks")
    assert parks == await client.zcard(f"{BASE}parked") > 0


async def a_mixed_day(url: str, client: Redis) -> None:
    """Every operation, until numbers are out for every reason."""
    await write_members(url, Inventory("ccc-test", 1, numbers(NUMBERS)))
    line = Line(client, BASES, "one", 5)
    line.rule(RULES)
    for hour in range(3):
        await line.call([*operations(hour)], 1_700_000_000_000 + hour * 3_600_000)
    await line.close()


def operations(hour: int) -> list[Operation]:
    known: list[PhoneNumber] = numbers(NUMBERS)
    return [
        *(Park(one.number, "operator", 1_800_000_000_000) for one in known[:4]),
        Unpark(known[0].number, "operator"),
        *(
            Pick(
                dry_run=False,
                steps=EVERYONE,
                callee=f"{call % 9}",
                groups="g",
                call=f"{hour}-{call}",
                body="b",
            )
            for call in range(60)
        ),
        Take(dry_run=False, number="elsewhere", callee="t", call=f"{hour}-take", body="b"),
        Outcome(f"{hour}-1", "", "", final=False),
        Outcome(f"{hour}-1", "", "", final=True),
        Stop("7", 1_700_000_900_000),
        Avoid(known[5].number, "四川", 1_800_000_000_000),
        Cap(known[6].number, 1),
    ]


async def keys_with(client: Redis, number: str) -> list[str]:
    """The hashes and sorted sets of which a number is a member."""
    has: dict[Any, Any] = {b"hash": client.hexists, b"zset": client.zscore}
    return [
        key.decode()
        async for key in client.scan_iter()
        if (ask := has.get(await client.type(key))) and await ask(key, number) not in (None, False)
    ]


async def kinds(client: Redis) -> set[str]:
    """What keys there are, by the word after their base."""
    names = [key.decode() async for key in client.scan_iter()]
    return {name.removeprefix(SCOPE).removeprefix("ccc-test:").split(":")[0] for name in names}
