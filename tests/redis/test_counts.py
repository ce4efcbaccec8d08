"""Counters in Redis: of all replicas together, with an end, and whatever else stands there."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from redis.asyncio import Redis

from service.errors import LedgerUnavailable
from service.redis_.client import open_client
from service.redis_.counts import SharedCounts
from tests.waiting import LONG

BASE = "callerid:test:counts:"


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    async with open_client(redis_url, timeout=LONG) as opened:
        yield opened


async def test_replicas_add_to_the_same_counters_which_have_an_end(client: Redis) -> None:
    one, other = SharedCounts(client, BASE, 60), SharedCounts(client, BASE, 60)
    many = {f"field {at}": at for at in range(250)}
    await one.add("a", dict(many))
    await other.add("a", dict(many))
    await other.add("b", {"x": 1})
    assert await one.read("a") == {field: 2 * count for field, count in many.items()}
    assert await one.read("none") == {}
    assert 0 < await client.ttl(f"{BASE}a") <= 60


async def test_what_is_added_is_taken_out_also_where_the_rest_is_not(
    client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts, many = SharedCounts(client, BASE, 60), {f"field {at}": 1 for at in range(250)}
    add, left = counts._add, [2]

    async def added(key: str, some: Mapping[str, int]) -> None:
        if not left[0]:
            raise LedgerUnavailable("gone")
        left[0] -= 1
        await add(key, some)

    monkeypatch.setattr(counts, "_add", added)
    with pytest.raises(LedgerUnavailable):
        await counts.add("b", many)
    assert len(many) == 50
    left[0] = 9
    await counts.add("b", many)
    assert (many, sum((await counts.read("b")).values())) == ({}, 250)


OTHERS: dict[Any, Any] = {
    "text": b"anything",
    "negative": -1,
    "huge": 2**63 - 1,
    "longer": "9" * 400,
    b"\xff": 1,
}


async def test_what_is_no_count_is_left_out_and_begins_anew_when_it_is_added_to(
    client: Redis,
) -> None:
    counts = SharedCounts(client, BASE, 60)
    await counts.add("a", {"x": 1})
    await client.hset(f"{BASE}a", mapping=OTHERS)
    assert await counts.read("a") == {"x": 1}
    await counts.add("a", {"x": 1, "text": 2, "huge": 3, "longer": 4, "negative": 3})
    assert await counts.read("a") == {"x": 2, "text": 2, "huge": 3, "longer": 4, "negative": 2}


async def test_a_value_of_others_gives_way_to_counts(client: Redis) -> None:
    counts = SharedCounts(client, BASE, 60)
    await client.rpush(f"{BASE}a", "anything")
    assert await counts.read("a") == {}
    await counts.add("a", {"x": 1, "y": 2})
    assert await counts.read("a") == {"x": 1, "y": 2}
    assert 0 < await client.ttl(f"{BASE}a") <= 60


async def test_what_redis_refuses_otherwise_is_raised(client: Redis, redis_url: str) -> None:
    await client.acl_setuser("reader", enabled=True, nopass=True, keys=["*"], commands=["+get"])
    async with open_client(redis_url, timeout=LONG) as reader:
        await reader.execute_command("AUTH", "reader", "")
        with pytest.raises(LedgerUnavailable, match="permission"):
            await SharedCounts(reader, BASE, 60).add("a", {"x": 1})
    await client.acl_deluser("reader")
