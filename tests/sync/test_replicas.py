"""Keepers over one Redis: one sweeps, the rest follow, a restart and a death lose nothing."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from service.ccc.client import CccClient
from service.emulator import Emulator, Faults
from service.locality import Locator
from service.sync import keeper as keeper_module
from service.sync.cache import Manifest
from service.sync.leader import Term
from tests.sync.building import (
    BASE,
    Replica,
    set_numbers,
    until,
)

LEAD = f"{BASE}inventory:lead"


async def ledger_numbers(redis: Any) -> set[str]:
    return {number.decode() for number in await redis.hkeys(f"{BASE}numbers")}


async def test_one_replica_sweeps_and_the_rest_follow(
    emulator: Emulator, ccc: CccClient, locator: Locator, redis: Any
) -> None:
    async with AsyncExitStack() as stack:
        replicas = [
            await stack.enter_async_context(Replica(ccc, locator, redis).at_work())
            for _ in range(4)
        ]
        await until(lambda: all(len(replica.names) == 300 for replica in replicas))
        assert len({replica.generation for replica in replicas}) == 1
        assert emulator.calls["ListPhoneNumbers"] == 4  # 300 fill three, the fourth is empty
        expected = set_numbers(emulator, 310)
        await replicas[0].keeper.refresh()
        await until(lambda: all(replica.names == expected for replica in replicas))
        assert await ledger_numbers(redis) == expected


async def test_a_follower_hears_of_a_new_generation_and_swaps_at_once(
    emulator: Emulator,
    ccc: CccClient,
    locator: Locator,
    redis: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keeper_module, "POLL_SECONDS", 3600.0)
    leader = Replica(ccc, locator, redis)
    await leader.keeper.refresh()
    async with Replica(ccc, locator, redis).at_work() as follower:
        await until(lambda: follower.generation == leader.generation)
        set_numbers(emulator, 301)
        await leader.keeper.refresh()
        follower.keeper.notice(leader.generation)
        await until(lambda: follower.generation == leader.generation)


async def test_a_pick_that_misses_a_number_waits_for_the_newer_snapshot(
    emulator: Emulator,
    ccc: CccClient,
    locator: Locator,
    redis: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keeper_module, "POLL_SECONDS", 3600.0)
    monkeypatch.setattr(keeper_module, "PICK_PATIENCE", 5.0)
    leader = Replica(ccc, locator, redis)
    await leader.keeper.refresh()
    async with Replica(ccc, locator, redis).at_work() as follower:
        await until(lambda: follower.generation == leader.generation)
        expected = set_numbers(emulator, 301)
        await leader.keeper.refresh()
        await follower.keeper.follow()
        assert follower.names == expected


async def test_when_the_leader_dies_in_its_sweep_another_takes_over(
    emulator: Emulator, ccc: CccClient, locator: Locator, redis: Any
) -> None:
    dead = Replica(ccc, locator, redis)
    assert dead.shared is not None
    assert await dead.shared.leader.acquire() is not None
    async with Replica(ccc, locator, redis).at_work() as other:
        await asyncio.sleep(0.05)
        assert other.keeper.inventory is None
        await redis.pexpire(LEAD, 1)
        await until(lambda: len(other.names) == 300)


async def test_a_replica_that_closes_in_its_sweep_hands_over_at_once(
    emulator: Emulator, ccc: CccClient, locator: Locator, redis: Any
) -> None:
    emulator.faults = Faults(hang_seconds=5.0)
    async with Replica(ccc, locator, redis).at_work():
        await until(lambda: emulator.calls["ListPhoneNumbers"] > 0)
    assert await redis.get(LEAD) is None


async def test_a_restart_with_ccc_down_serves_from_the_cache(
    emulator: Emulator, ccc: CccClient, locator: Locator, redis: Any
) -> None:
    before = Replica(ccc, locator, redis)
    await before.keeper.refresh()
    emulator.faults = Faults(drop_connection=True)
    await redis.delete(LEAD)
    async with Replica(ccc, locator, redis).at_work() as after:
        await until(lambda: after.metric("sweeps_total", result="failed") == 1)
        assert after.keeper.inventory is not None
        assert after.keeper.inventory.numbers == before.keeper.inventory.numbers  # type: ignore[union-attr] # it was swept
        assert after.generation == before.generation
        assert after.keeper.last_sweep.result == "failed"


async def test_what_was_absent_before_is_known_to_the_next_leader(
    emulator: Emulator, ccc: CccClient, locator: Locator, redis: Any
) -> None:
    one, other = Replica(ccc, locator, redis), Replica(ccc, locator, redis)
    await one.keeper.refresh()
    rest = set_numbers(emulator, 299, start=1)
    await one.keeper.refresh()
    assert len(one.names) == 300
    await other.keeper.refresh()
    assert other.names == rest
    assert await ledger_numbers(redis) == rest


async def test_replicas_whose_clocks_differ_agree_on_the_age(
    ccc: CccClient, locator: Locator, redis: Any
) -> None:
    one, other = Replica(ccc, locator, redis), Replica(ccc, locator, redis)
    other.clock.now += 3600
    await one.keeper.refresh()
    async with other.at_work():
        await until(lambda: other.generation == one.generation)
        assert other.keeper.age == pytest.approx(0, abs=5)
        assert not other.keeper.is_stale


async def test_a_redis_whose_clock_was_set_back_does_not_put_the_next_sweep_off(
    emulator: Emulator, ccc: CccClient, locator: Locator, redis: Any
) -> None:
    async with Replica(ccc, locator, redis).at_work() as replica:
        await until(lambda: len(replica.names) == 300)
        expected = set_numbers(emulator, 301)
        await until_resting(redis)
        await redis.pexpire(LEAD, 3_660_000)  # as it stands once the clock is an hour behind
        await until(lambda: replica.names == expected)


async def test_the_age_of_what_was_swept_outlives_a_step_of_the_shared_clock(
    emulator: Emulator,
    ccc: CccClient,
    locator: Locator,
    redis: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    replica = Replica(ccc, locator, redis)
    await replica.keeper.refresh()
    emulator.faults = Faults(server_error=503)
    for step, age in ((-3600.0, 30.0), (7200.0, 60.0)):
        set_shared_clock(replica, step, monkeypatch)
        replica.clock.now += 30
        await replica.keeper.refresh()
        assert replica.keeper.age == pytest.approx(age, abs=5)
        assert replica.keeper.last_sweep.at == pytest.approx(replica.clock.now, abs=5)


async def test_a_loss_is_confirmed_after_ten_minutes_whatever_the_shared_clock_says(
    emulator: Emulator,
    ccc: CccClient,
    locator: Locator,
    redis: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    replica = Replica(ccc, locator, redis)
    await replica.keeper.refresh()
    rest = set_numbers(emulator, 100)
    await replica.keeper.refresh()
    await replica.keeper.refresh()
    for step, seconds, count in ((3600.0, 200, 300), (-3600.0, 399, 300), (-3600.0, 2, 100)):
        replica.clock.now += seconds
        set_shared_clock(replica, step + seconds, monkeypatch)
        await replica.keeper.refresh()
        assert len(replica.names) == count
    assert replica.names == rest


async def test_what_the_shared_clock_has_yet_to_reach_is_of_now_and_grows_old(
    ccc: CccClient, locator: Locator, redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await Replica(ccc, locator, redis).keeper.refresh()
    late = Replica(ccc, locator, redis)
    set_shared_clock(late, -3600.0, monkeypatch)
    async with late.at_work():
        await until(lambda: len(late.names) == 300)
        assert late.keeper.age == 0
        late.clock.now += 601
        assert late.keeper.age == 601
        assert late.keeper.is_stale


def set_shared_clock(replica: Replica, by: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a replica read Redis's clock as if it had been set forward so many seconds."""
    assert replica.shared is not None
    cache, leader = replica.shared.cache, replica.shared.leader
    manifest, acquire = cache.manifest, leader.acquire

    async def manifest_then() -> tuple[Manifest | None, float]:
        read, now = await manifest()
        return read, now + by

    async def acquire_then(**how: Any) -> Term | None:
        term = await acquire(**how)
        return term and Term(term.fence, term.now + by)

    monkeypatch.setattr(cache, "manifest", manifest_then)
    monkeypatch.setattr(leader, "acquire", acquire_then)


async def until_resting(redis: Any) -> None:
    async with asyncio.timeout(5):
        while await redis.get(LEAD) != b"RESTING":
            await asyncio.sleep(0.002)
