"""A ledger behind three Sentinels: its master killed, demoted, cut off from its replica."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from msgspec.structs import replace

from service.ledger import Outcome, Park
from tests.ledgers import (
    BRIEF,
    ONE,
    Shared,
    counted,
    inventory_of,
    picks_until,
    shared_ledger,
    write_members,
)
from tests.redis.topologies import Watched, caught_up, watched_by_sentinels
from tests.waiting import eventually

pytestmark = pytest.mark.no_cover  # the tests of the parts reach these lines too

INVENTORY = inventory_of(7)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with watched_by_sentinels(tmp_path) as servers:
        yield servers


async def test_a_killed_master_is_degraded_until_the_replica_is_promoted_and_nothing_is_lost(
    watched: Watched,
) -> None:
    shown: Counter[str] = Counter()
    await write_members(watched.url, INVENTORY)
    async with shared_ledger(watched.url, INVENTORY) as side:
        for _ in range(20):
            await picks_until(side, "redis", shown)
        await eventually(lambda: caught_up(watched.master, watched.replica))
        watched.master.kill()
        await picks_until(side, "degraded", shown)
        await picks_until(side, "redis", shown)
        assert await counted(side, INVENTORY) == shown
        assert side.metrics.registry.get_sample_value("callerid_redis_up") == 1


async def test_a_demoted_master_is_left_for_the_new_one(watched: Watched) -> None:
    shown: Counter[str] = Counter()
    await write_members(watched.url, INVENTORY)
    async with shared_ledger(watched.url, INVENTORY) as side:
        await picks_until(side, "redis", shown)
        watched.fail_over()
        with redis.Redis(port=watched.replica.port) as promoted:
            await eventually(lambda: promoted.role()[0] == b"master")
        await eventually(lambda: not side.breaker.is_open)
        await picks_until(side, "redis", shown)
        assert await counted(side, INVENTORY) == shown


async def test_a_server_that_became_a_replica_unknown_to_all_is_not_spoken_to(
    watched: Watched,
) -> None:
    shown: Counter[str] = Counter()
    await write_members(watched.url, INVENTORY)
    async with shared_ledger(watched.url, INVENTORY) as side:
        await picks_until(side, "redis", shown)
        for sentinel in watched.sentinels:
            sentinel.kill()
        with (
            redis.Redis(port=watched.master.port) as master,
            redis.Redis(port=watched.replica.port) as replica,
        ):
            await eventually(lambda: caught_up(watched.master, watched.replica))
            replica.replicaof("NO", "ONE")
            master.replicaof("127.0.0.1", str(watched.replica.port))
        await picks_until(side, "degraded", shown)


async def test_a_master_that_hung_through_a_failover_gets_no_pick_any_more(
    watched: Watched,
) -> None:
    shown: Counter[str] = Counter()
    await write_members(watched.url, INVENTORY)
    async with shared_ledger(watched.url, INVENTORY, seconds=BRIEF) as side:
        await picks_until(side, "redis", shown)
        await eventually(lambda: caught_up(watched.master, watched.replica))
        watched.master.stop_signal()
        try:
            await picks_until(side, "degraded", shown)
            await picks_until(side, "redis", shown)
        finally:
            watched.master.continue_signal()
        for _ in range(20):
            await picks_until(side, "redis", shown)
        assert await counted(side, INVENTORY) == shown


async def test_a_master_without_its_replica_decides_nothing_until_it_is_back(
    watched: Watched,
) -> None:
    shown: Counter[str] = Counter()
    await write_members(watched.url, INVENTORY)
    with redis.Redis(port=watched.master.port) as master:
        master.config_set("min-replicas-to-write", 1)
        master.config_set("min-replicas-max-lag", 1)
    async with shared_ledger(watched.url, INVENTORY, seconds=BRIEF) as side:
        await picks_until(side, "redis", shown)
        watched.replica.stop_signal()
        try:
            await picks_until(side, "degraded", shown)
        finally:
            watched.replica.continue_signal()
        await picks_until(side, "redis", shown)
        assert await counted(side, INVENTORY) == shown


async def test_two_dead_sentinels_and_one_that_knows_are_enough(watched: Watched) -> None:
    for sentinel in watched.sentinels[:2]:
        sentinel.kill()
    await write_members(watched.url, INVENTORY)
    async with shared_ledger(watched.url, INVENTORY) as side:
        assert (await side.ledger.pick(ONE)).source == "redis"


async def test_what_an_old_master_answered_while_another_was_promoted_is_not_lost(
    watched: Watched,
) -> None:
    shown: Counter[str] = Counter()
    await write_members(watched.url, INVENTORY)
    async with shared_ledger(watched.url, INVENTORY) as side:
        await picks_until(side, "redis", shown)
        await eventually(lambda: caught_up(watched.master, watched.replica))
        watched.fail_over()
        # The replica is promoted first, the master told a second later: until then it answers.
        async with asyncio.timeout(15):
            while replayed(side) == 0:
                await picks_until(side, "redis", shown)
        assert await counted(side, INVENTORY) == shown


async def test_what_a_lagging_replica_lacks_is_told_to_it_once_it_is_promoted(
    watched: Watched,
) -> None:
    shown: Counter[str] = Counter()
    repeated = replace(ONE, call="again", body="b")
    await write_members(watched.url, INVENTORY)
    async with shared_ledger(watched.url, INVENTORY, seconds=BRIEF) as side:
        await picks_until(side, "redis", shown)
        await eventually(lambda: caught_up(watched.master, watched.replica))
        watched.replica.stop_signal()
        try:
            with redis.Redis(port=watched.master.port) as master:
                master.client_kill_filter(_type="replica")
            for _ in range(100):
                await picks_until(side, "redis", shown)
            first = await side.ledger.pick(repeated)
            assert (await side.ledger.pick(repeated)).picked.uses == first.picked.uses
            await side.ledger.apply(Outcome("again", "", "", final=True))
            await side.ledger.apply(Park("01089890003", "operator", 2**42))
            watched.master.kill()
        finally:
            watched.replica.continue_signal()
        shown.update(number for number, _ in first.picked.uses)
        await picks_until(side, "degraded", shown)
        await picks_until(side, "redis", shown)
        assert await counted(side, INVENTORY) == shown
        assert replayed(side) >= 100
        assert (await side.ledger.pick(repeated)).picked.uses == first.picked.uses
        assert await counted(side, INVENTORY) == shown
        assert await side.ledger.parked_by() == {"operator": 1}


def replayed(side: Shared) -> float:
    return (
        side.metrics.registry.get_sample_value("callerid_write_backs_total", {"result": "replayed"})
        or 0.0
    )
