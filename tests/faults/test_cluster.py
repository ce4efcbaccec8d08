"""A cluster of six: a slot on its way to another node, a node lost, while other shards go on."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from redis.crc import key_slot

from tests.ledgers import (
    ONE,
    Shared,
    counted,
    inventory_of,
    picks_until,
    shared_ledger,
    write_members,
)
from tests.redis.topologies import ClusterOfSix, Moving, caught_up, cluster_of_six
from tests.waiting import eventually

INVENTORY = inventory_of(7)
MOVING, STAYING = 0, 1  # shards


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ClusterOfSix]:
    with cluster_of_six(tmp_path) as nodes:
        yield nodes


def base_on(cluster: ClusterOfSix, shard: int) -> str:
    return cluster.key_on(shard, "callerid:2:{{scope{}}}:ccc-test:".format)


@asynccontextmanager
async def ledger_on(cluster: ClusterOfSix, shard: int) -> AsyncIterator[Shared]:
    base = base_on(cluster, shard)
    await write_members(cluster.url, INVENTORY, base=base)
    bases = base, base.replace("ccc-test:", "callee:")
    async with shared_ledger(cluster.url, INVENTORY, bases=bases) as side:
        yield side


@asynccontextmanager
async def picking_on(side: Shared) -> AsyncIterator[set[str]]:
    """Where picks are decided that go on meanwhile."""
    sources: set[str] = set()

    async def pick_on() -> None:
        while True:
            sources.add((await side.ledger.pick(ONE)).source)
            await asyncio.sleep(0.005)

    task = asyncio.create_task(pick_on())
    try:
        yield sources
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_moved_slot_is_followed_and_other_shards_do_not_notice(
    cluster: ClusterOfSix,
) -> None:
    shown: Counter[str] = Counter()
    slot = key_slot(base_on(cluster, MOVING).encode())
    moving = Moving(slot, cluster.masters[MOVING], cluster.masters[2])
    async with (
        ledger_on(cluster, MOVING) as side,
        ledger_on(cluster, STAYING) as other,
        picking_on(other) as sources,
    ):
        await picks_until(side, "redis", shown)
        await asyncio.to_thread(moving.begin)
        await picks_until(side, "degraded", shown)
        await asyncio.to_thread(moving.move, 2)
        for _ in range(5):
            await picks_until(side, "degraded", shown)
        await asyncio.to_thread(moving.move)
        await asyncio.to_thread(moving.end)
        await picks_until(side, "redis", shown)
        assert await counted(side, INVENTORY) == shown
        assert 0 not in side.notices
        assert sources == {"redis"}
    moving.close()


async def test_a_redirection_is_followed_within_the_pick(cluster: ClusterOfSix) -> None:
    slot = key_slot(base_on(cluster, MOVING).encode())
    moving = Moving(slot, cluster.masters[MOVING], cluster.masters[2])
    async with ledger_on(cluster, MOVING) as side:
        assert (await side.ledger.pick(ONE)).source == "redis"
        # All of it without a turn of the event loop: nobody has heard of it but by the redirection.
        moving.begin()
        moving.move()
        moving.end()
        assert (await side.ledger.pick(ONE)).source == "redis"
    moving.close()


async def test_a_lost_node_is_replaced_by_its_replica_and_other_shards_do_not_notice(
    cluster: ClusterOfSix,
) -> None:
    shown: Counter[str] = Counter()
    async with (
        ledger_on(cluster, MOVING) as side,
        ledger_on(cluster, STAYING) as other,
        picking_on(other) as sources,
    ):
        for _ in range(20):
            await picks_until(side, "redis", shown)
        await eventually(lambda: caught_up(cluster.masters[MOVING], cluster.replicas[MOVING]))
        await asyncio.to_thread(cluster.masters[MOVING].kill)
        await picks_until(side, "degraded", shown)
        await picks_until(side, "redis", shown)
        assert await counted(side, INVENTORY) == shown
        assert sources == {"redis"}
