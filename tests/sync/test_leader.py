"""The lead in Redis: one at a time, fenced, rested between two sweeps."""

import asyncio
from typing import Any, NoReturn

import pytest

from service.errors import LedgerUnavailable, StaleLeader
from service.redis_.client import open_client
from service.sync.leader import SharedLeader, SoleLeader, Term
from tests.conftest import RedisServer
from tests.sync.building import BASE, Clock

LEAD = f"{BASE}inventory:lead"


async def acquired(leader: SharedLeader | SoleLeader, *, early: bool = False) -> Term:
    term = await leader.acquire(early=early)
    assert term is not None
    return term


async def test_one_replica_leads_at_a_time(redis: Any) -> None:
    one, other = SharedLeader(redis, BASE), SharedLeader(redis, BASE)
    term = await acquired(one)
    assert await other.acquire() is None
    assert await other.acquire(early=True) is None
    await one.release(term, 0)
    await acquired(other)


async def test_a_later_lead_has_a_greater_fence(redis: Any) -> None:
    leader = SharedLeader(redis, BASE)
    fences = []
    for _ in range(3):
        term = await acquired(leader)
        fences.append(term.fence)
        await leader.release(term, 0)
    assert fences == sorted(set(fences))


async def test_a_fence_is_greater_than_those_before_redis_was_wiped(redis: Any) -> None:
    leader = SharedLeader(redis, BASE)
    before = await acquired(leader)
    await redis.flushall()
    await asyncio.sleep(0.002)
    assert (await acquired(leader)).fence > before.fence


@pytest.mark.parametrize("foreign", ["mine", "nan", "inf", "-7", "1e300", ""])
async def test_what_is_no_fence_is_nobodys_lead_and_is_outdone(redis: Any, foreign: str) -> None:
    leader = SharedLeader(redis, BASE)
    before = await acquired(leader)
    for key in (LEAD, f"{BASE}inventory:fence"):
        await redis.set(key, foreign)
    await asyncio.sleep(0.002)
    assert before.fence < (await acquired(leader)).fence < 2**52
    assert await leader.acquire() is None


async def test_values_of_another_type_are_nobodys_lead(redis: Any) -> None:
    for key in (LEAD, f"{BASE}inventory:fence"):
        await redis.rpush(key, "x")
    leader = SharedLeader(redis, BASE)
    await acquired(leader)
    assert await leader.acquire() is None


async def test_between_two_sweeps_the_lead_is_had_early_only(redis: Any) -> None:
    leader = SharedLeader(redis, BASE)
    await leader.release(await acquired(leader), 60)
    assert await leader.acquire() is None
    await acquired(leader, early=True)


async def test_the_next_sweep_is_due_after_the_pause(redis: Any) -> None:
    leader = SharedLeader(redis, BASE)
    await leader.release(await acquired(leader), 60)
    assert 59_000 < await redis.pttl(LEAD) <= 60_000


@pytest.mark.parametrize(("held", "seconds"), [("RESTING", 60), ("1795219200000", 5)])
async def test_what_lasts_longer_than_it_is_ever_set_to_is_over(
    redis: Any, held: str, seconds: int
) -> None:
    leader = SharedLeader(redis, BASE)
    await redis.set(LEAD, held, px=1000 * seconds)
    assert await leader.acquire(longest_rest=60) is None
    await redis.pexpire(LEAD, 1000 * (seconds + 60))  # as where the clock was set back a minute
    assert await leader.acquire(longest_rest=60) is not None


async def test_the_lead_of_a_dead_replica_ends_by_itself(redis: Any) -> None:
    await acquired(SharedLeader(redis, BASE))
    assert 0 < await redis.pttl(LEAD) <= 5000


async def test_the_lead_is_renewed_while_the_work_goes_on(redis: Any) -> None:
    leader = SharedLeader(redis, BASE)
    term = await acquired(leader)
    await redis.pexpire(LEAD, 1000)

    async def work() -> str:
        async with asyncio.timeout(2):
            while await redis.pttl(LEAD) <= 1000:
                await asyncio.sleep(0.005)
        return "done"

    assert await leader.hold(term, work()) == "done"


async def test_work_is_cancelled_when_another_has_taken_the_lead(redis: Any) -> None:
    leader = SharedLeader(redis, BASE)
    term = await acquired(leader)
    await redis.set(LEAD, term.fence + 1)
    with pytest.raises(StaleLeader):
        await leader.hold(term, asyncio.Event().wait())


async def test_what_the_work_raises_passes(redis: Any) -> None:
    leader = SharedLeader(redis, BASE)

    async def work() -> None:
        raise KeyError("broken")

    with pytest.raises(KeyError):
        await leader.hold(await acquired(leader), work())


async def test_a_lead_lost_as_the_work_ends_leaves_its_task_as_it_was(
    redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader = SharedLeader(redis, BASE)

    async def lost_at_the_end(_: Term) -> NoReturn:
        try:
            await asyncio.Event().wait()
        finally:
            raise StaleLeader("Another replica has taken the lead")

    async def work() -> str:
        await asyncio.sleep(0)
        return "done"

    monkeypatch.setattr(leader, "_renew", lost_at_the_end)
    assert await leader.hold(await acquired(leader), work()) == "done"
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


async def test_work_ends_when_who_holds_the_lead_is_cancelled(redis: Any) -> None:
    leader, ended = SharedLeader(redis, BASE), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    holding = asyncio.create_task(leader.hold(await acquired(leader), work()))
    await asyncio.sleep(0.01)
    holding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await holding
    assert ended.is_set()


async def test_a_lead_that_was_lost_is_not_released(redis: Any) -> None:
    one, other = SharedLeader(redis, BASE), SharedLeader(redis, BASE)
    lost = await acquired(one)
    await redis.delete(LEAD)
    term = await acquired(other)
    await one.release(lost, 0)
    assert int(await redis.get(LEAD)) == term.fence


async def test_a_redis_that_is_down_is_said_to_be(own_redis: RedisServer) -> None:
    async with open_client(own_redis.url, timeout=0.2) as client:
        own_redis.kill()
        with pytest.raises(LedgerUnavailable):
            await SharedLeader(client, BASE).acquire()


async def test_a_process_alone_leads_whenever_a_sweep_is_due() -> None:
    clock = Clock()
    leader = SoleLeader(clock)
    first = await acquired(leader)
    assert first == Term(1, clock.now)
    await leader.release(first, 60)
    assert await leader.acquire() is None
    assert await acquired(leader, early=True) == Term(2, clock.now)
    clock.now += 60
    assert await acquired(leader) == Term(3, clock.now)
