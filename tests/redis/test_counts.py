"""Counters in Redis: of all replicas together, with an end, and whatever else stands there."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from service.redis_.client import open_client
from service.redis_.counts import SharedCounts
from tests.redis.asking import LONG

BASE = "callerid:test:counts:"


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    async with open_client(redis_url, timeout=LONG) as opened:
        yield opened


async def test_replicas_add_to_the_same_counters_which_have_an_end(client: Redis) -> None:
    one, other = SharedCounts(client, BASE, 60), SharedCounts(client, BASE, 60)
    many = {f"field {at}": at for at in range(250)}
    await one.add("a", many)
    await other.add("a", many)
    await other.add("b", {"x": 1})
    assert await one.read("a") == {field: 2 * count for field, count in many.items()}
    assert await one.read("none") == {}
    assert 0 < await client.ttl(f"{BASE}a") <= 60


async def test_what_is_no_count_is_left_out(client: Redis) -> None:
    counts = SharedCounts(client, BASE, 60)
    await counts.add("a", {"x": 1})
    await client.hset(f"{BASE}a", "y", "anything")
    assert await counts.read("a") == {"x": 1}
