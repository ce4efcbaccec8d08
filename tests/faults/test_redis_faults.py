"""Redis killed, hung and wiped under picks that go on."""

import asyncio
import logging
from collections import Counter

import pytest

from tests.conftest import RedisServer
from tests.ledgers import (
    BRIEF,
    ONE,
    counted,
    inventory_of,
    picks_until,
    shared_ledger,
    write_members,
)
from tests.waiting import eventually


async def test_picks_go_on_when_redis_is_killed_and_return_to_it(
    own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "service.ledger")
    inventory = inventory_of(5)
    await write_members(own_redis.url, inventory)
    async with shared_ledger(own_redis.url, inventory) as side:
        assert (await side.ledger.pick(ONE)).source == "redis"
        own_redis.kill()
        sources = {(await side.ledger.pick(ONE)).source for _ in range(20)}
        assert sources == {"degraded"}
        assert side.breaker.is_open
        assert side.metrics.registry.get_sample_value("callerid_redis_up") == 0
        own_redis.restart()
        await write_members(own_redis.url, inventory)
        await picks_until(side, "redis", Counter())
        assert side.metrics.registry.get_sample_value("callerid_redis_up") == 1
    told = [record.getMessage() for record in caplog.records]
    assert [": ".join(line.split(": ")[:2]) for line in told] == [
        "callerid:2:{ccc-test}:ccc-test: Redis does not serve, picks are decided in this process",
        "callerid:2:{ccc-test}:ccc-test: Redis serves again and decides picks",
    ]


async def test_a_hung_redis_holds_no_pick_beyond_its_time(own_redis: RedisServer) -> None:
    inventory = inventory_of(5)
    await write_members(own_redis.url, inventory)
    async with shared_ledger(own_redis.url, inventory, seconds=BRIEF) as side:
        await picks_until(side, "redis", Counter())
        own_redis.stop_signal()
        try:
            async with asyncio.timeout(5):
                picks = [side.ledger.pick(ONE) for _ in range(100)]
                decisions = await asyncio.gather(*picks)
        finally:
            own_redis.continue_signal()
        assert {decision.source for decision in decisions} == {"degraded"}
        await picks_until(side, "redis", Counter())
        await eventually(lambda: side.metrics.registry.get_sample_value("callerid_redis_up") == 1)


async def test_a_wiped_redis_is_noticed_and_decides_again_once_it_has_members(
    own_redis: RedisServer,
) -> None:
    inventory = inventory_of(5)
    await write_members(own_redis.url, inventory)
    async with shared_ledger(own_redis.url, inventory) as side:
        assert (await side.ledger.pick(ONE)).source == "redis"
        await side.client.flushall()
        assert (await side.ledger.pick(ONE)).source == "degraded"
        assert 0 in side.notices
        await write_members(own_redis.url, inventory)
        await picks_until(side, "redis", Counter())


async def test_what_was_picked_before_redis_was_wiped_is_counted_again(
    own_redis: RedisServer,
) -> None:
    shown: Counter[str] = Counter()
    inventory = inventory_of(5)
    await write_members(own_redis.url, inventory)
    async with shared_ledger(own_redis.url, inventory) as side:
        for _ in range(12):
            await picks_until(side, "redis", shown)
        await side.client.flushall()
        await picks_until(side, "degraded", shown)
        await write_members(own_redis.url, inventory)
        await picks_until(side, "redis", shown)
        assert await counted(side, inventory) == shown
