"""Whatever Redis says no with, it does not serve, and its words are told once."""

import logging
from collections import Counter
from collections.abc import Callable

import pytest
import redis

from tests.conftest import RedisServer
from tests.ledgers import counted, inventory_of, picks_until, shared_ledger, write_members
from tests.waiting import eventually

Act = Callable[[redis.Redis], object]

REFUSALS: dict[str, tuple[Act, Act]] = {
    "NOREPLICAS": (
        lambda server: server.config_set("min-replicas-to-write", 1),
        lambda server: server.config_set("min-replicas-to-write", 0),
    ),
    "OOM": (
        lambda server: server.config_set("maxmemory", 1),
        lambda server: server.config_set("maxmemory", 0),
    ),
    "READONLY": (
        lambda server: server.replicaof("127.0.0.1", "1"),
        lambda server: server.replicaof("NO", "ONE"),
    ),
    "NOPERM": (
        lambda server: server.execute_command("ACL SETUSER default -fcall -evalsha -eval"),
        lambda server: server.execute_command("ACL SETUSER default +@all"),
    ),
}


@pytest.mark.parametrize("word", REFUSALS)
async def test_a_redis_that_refuses_is_degraded_and_told_of_once_each_way(
    own_redis: RedisServer, word: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "service")
    refuse, mend = REFUSALS[word]
    inventory, shown = inventory_of(7), Counter[str]()
    await write_members(own_redis.url, inventory)
    async with shared_ledger(own_redis.url, inventory) as side:
        await picks_until(side, "redis", shown)
        with redis.Redis(port=own_redis.port) as server:
            refuse(server)
            await picks_until(side, "degraded", shown)
            await eventually(lambda: side.breaker.is_open)
            for _ in range(20):
                await picks_until(side, "degraded", shown)
            assert word in side.ledger.trouble
            mend(server)
        await picks_until(side, "redis", shown)
        assert side.ledger.trouble == ""
        assert await counted(side, inventory) == shown
        assert not [
            sample
            for metric in side.metrics.registry.collect()
            for sample in metric.samples
            if sample.name == "callerid_task_restarts_total"
        ]
    told = [record.getMessage() for record in caplog.records]
    assert [word in line for line in told] == [True, False]
    assert told[1].endswith("Redis serves again and decides picks")
