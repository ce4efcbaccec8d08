"""Keepers when Redis is wiped, corrupt or down, or when another has taken the lead."""

import asyncio
import logging
from typing import Any

import pytest

from service.ccc.client import CccClient
from service.emulator import Emulator, Faults
from service.locality import Locator
from service.redis_.client import open_client
from service.sync import cache as cache_module
from service.sync import keeper as keeper_module
from tests.conftest import RedisServer
from tests.sync.building import (
    BASE,
    INSTANCE,
    Replica,
    names_of,
    set_numbers,
    until,
)

LEAD = f"{BASE}inventory:lead"
MANIFEST = f"{BASE}inventory:manifest"


async def ledger_numbers(redis: Any) -> set[str]:
    return {number.decode() for number in await redis.hkeys(f"{BASE}numbers")}


async def test_a_wiped_redis_is_written_anew_while_ccc_is_down(
    emulator: Emulator, ccc: CccClient, locator: Locator, redis: Any
) -> None:
    one, other = Replica(ccc, locator, redis), Replica(ccc, locator, redis)
    async with one.at_work(), other.at_work():
        await until(lambda: one.generation > 0 and one.generation == other.generation)
        before = one.generation
        emulator.faults = Faults(drop_connection=True)
        await redis.flushall()
        one.keeper.notice(0)
        other.keeper.notice(0)
        await until(lambda: one.generation > before and one.generation == other.generation)
    assert await ledger_numbers(redis) == one.names == names_of(emulator.numbers[INSTANCE])
    assert await redis.hget(f"{BASE}state", "epoch") == b"an epoch"
    fresh = Replica(ccc, locator, redis)
    async with fresh.at_work():
        await until(lambda: fresh.names == one.names)


async def test_a_stale_leader_changes_neither_cache_nor_members_nor_itself(
    emulator: Emulator, ccc: CccClient, locator: Locator, redis: Any
) -> None:
    stale, fresh = Replica(ccc, locator, redis), Replica(ccc, locator, redis)
    await stale.keeper.refresh()
    generation, manifest = stale.generation, await redis.get(MANIFEST)
    set_numbers(emulator, 301)
    emulator.faults = Faults(hang_seconds=0.05)
    sweeping = asyncio.create_task(stale.keeper.refresh())
    await until(lambda: emulator.calls["ListPhoneNumbers"] > 4)
    await redis.delete(LEAD)
    assert fresh.shared is not None
    assert await fresh.shared.leader.acquire() is not None
    report = await sweeping
    assert report.result == "failed"
    assert stale.generation == generation
    assert await redis.get(MANIFEST) == manifest
    assert len(await ledger_numbers(redis)) == 300


async def test_members_that_fell_behind_are_mended_by_the_next_sweep(
    emulator: Emulator, ccc: CccClient, locator: Locator, redis: Any
) -> None:
    replica = Replica(ccc, locator, redis)
    await replica.keeper.refresh()
    await redis.hset(f"{BASE}state", "generation", 5)
    await redis.hdel(f"{BASE}numbers", *sorted(replica.names)[:9])
    replica.keeper.notice(5)
    assert (await replica.keeper.refresh()).result == "unchanged"
    assert await ledger_numbers(redis) == replica.names


async def test_a_chunk_that_redis_lost_is_written_again_by_a_sweep_that_changes_nothing(
    ccc: CccClient, locator: Locator, redis: Any
) -> None:
    replica = Replica(ccc, locator, redis)
    await replica.keeper.refresh()
    chunks = set(await redis.keys(f"{BASE}inventory:chunk:*"))
    await redis.delete(min(chunks))
    assert (await replica.keeper.refresh()).result == "unchanged"
    assert set(await redis.keys(f"{BASE}inventory:chunk:*")) == chunks


async def test_a_sweep_that_changes_nothing_writes_no_number_to_the_cache(
    ccc: CccClient, locator: Locator, redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = Replica(ccc, locator, redis)
    await replica.keeper.refresh()
    monkeypatch.delattr(cache_module, "packing")
    assert (await replica.keeper.refresh()).result == "unchanged"


async def test_a_corrupt_cache_is_told_of_and_replaced_by_a_sweep(
    emulator: Emulator,
    ccc: CccClient,
    locator: Locator,
    redis: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await Replica(ccc, locator, redis).keeper.refresh()
    for key in await redis.keys(f"{BASE}inventory:chunk:*"):
        await redis.set(key, b"torn")
    await redis.delete(LEAD)
    async with Replica(ccc, locator, redis).at_work() as replica:
        await until(lambda: len(replica.names) == 300)
    assert logging.ERROR in {record.levelno for record in caplog.records}
    emulator.faults = Faults(drop_connection=True)
    async with Replica(ccc, locator, redis).at_work() as another:
        await until(lambda: another.generation == replica.generation)


async def test_without_redis_only_who_has_no_inventory_sweeps(
    emulator: Emulator, ccc: CccClient, locator: Locator, own_redis: RedisServer
) -> None:
    async with open_client(own_redis.url, timeout=1.0) as client:
        veteran, novice = Replica(ccc, locator, client), Replica(ccc, locator, client)
        await veteran.keeper.refresh()
        own_redis.kill()
        calls = emulator.calls["ListPhoneNumbers"]
        veteran.clock.now += 3600
        async with veteran.at_work():
            await until(
                lambda: veteran.metric("inventory_age_seconds") == pytest.approx(3600, abs=5)
            )
            assert emulator.calls["ListPhoneNumbers"] == calls
        assert (await veteran.keeper.refresh()).result == "failed"
        async with novice.at_work():
            await until(lambda: len(novice.names) == 300)


async def test_what_was_swept_without_redis_gives_way_to_what_replicas_share(
    emulator: Emulator, ccc: CccClient, locator: Locator, own_redis: RedisServer
) -> None:
    async with open_client(own_redis.url, timeout=1.0) as client:
        own_redis.kill()
        async with Replica(ccc, locator, client).at_work() as replica:
            await until(lambda: len(replica.names) == 300)
            assert replica.generation == 1
            own_redis.restart()
            await Replica(ccc, locator, client).keeper.refresh()
            await until(lambda: replica.generation > 1)


async def test_a_refresh_waits_for_the_sweep_under_way_elsewhere(
    emulator: Emulator, ccc: CccClient, locator: Locator, redis: Any
) -> None:
    one, other = Replica(ccc, locator, redis), Replica(ccc, locator, redis)
    await one.keeper.refresh()
    emulator.faults = Faults(hang_seconds=0.02)
    sweeping = asyncio.create_task(one.keeper.refresh())
    await until(lambda: emulator.calls["ListPhoneNumbers"] > 3)
    expected = set_numbers(emulator, 301)
    assert (await other.keeper.refresh()).result in {"accepted", "unchanged"}
    assert other.names == expected
    await sweeping


async def test_a_refresh_gives_up_on_a_sweep_elsewhere_that_does_not_end(
    ccc: CccClient, locator: Locator, redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper_module, "REFRESH_PATIENCE", 0.02)
    one, other = Replica(ccc, locator, redis), Replica(ccc, locator, redis)
    assert one.shared is not None
    await one.shared.leader.acquire()
    report = await other.keeper.refresh()
    assert report.result == "failed"
    assert "Another replica" in report.detail
