"""The limit that replicas share, in a real Redis, and what becomes of it without one."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from redis.asyncio import Redis

from service.ccc.limiter import LocalLimiter, Pace, SharedLimiter, Sleep
from service.redis_.client import open_client
from tests.conftest import RedisServer
from tests.fakes import in_place_of
from tests.waiting import LONG

KEY = "callerid:ccc:rate"
# So slow that no token comes back while a test runs.
FIVE_AND_NO_MORE = Pace(interval=1000.0, burst=5)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with open_client(redis_url, timeout=LONG) as client:
        yield client


def replica(redis: Redis, sleep: Sleep = asyncio.sleep) -> SharedLimiter:
    local = LocalLimiter(20, clock=time.monotonic)
    local.pace = FIVE_AND_NO_MORE
    return SharedLimiter(redis, KEY, local, sleep=sleep)


async def taken(limiter: SharedLimiter, times: int) -> int:
    return sum([await limiter.try_acquire() for _ in range(times)])


async def test_replicas_together_get_what_one_would_get(redis: Redis) -> None:
    replicas = [replica(redis) for _ in range(4)]
    answers = await asyncio.gather(*(replicas[n % 4].try_acquire() for n in range(40)))
    assert sum(answers) == 5


async def test_who_gives_up_as_the_answer_comes_takes_no_token() -> None:
    class Forgetful:
        """Answers in the moment in which it is cancelled, as redis-py does on Python 3.11."""

        async def eval(self, *_: object) -> int:
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            return 0

    limiter = replica(in_place_of(Forgetful()))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await limiter.try_acquire()


async def test_the_bucket_goes_away_by_itself(redis: Redis) -> None:
    await replica(redis).acquire()
    assert 0 < await redis.pttl(KEY) <= 2_000_000


async def test_the_background_leaves_half_of_the_bucket(redis: Redis) -> None:
    limiter = replica(redis)
    background = [await limiter._ask(background=True) == 0 for _ in range(5)]
    assert background == [True, True, False, False, False]
    assert await taken(limiter, 5) == 3


async def test_who_waits_sleeps_until_the_token_is_there_and_asks_again(redis: Redis) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await redis.delete(KEY)

    limiter = replica(redis, sleep)
    assert await taken(limiter, 5) == 5
    await limiter.acquire()
    assert slept == [pytest.approx(1000, abs=60)]
    assert await taken(limiter, 5) == 4


async def test_a_clock_that_went_back_does_not_stop_everybody(redis: Redis) -> None:
    an_hour_ahead = (time.time() + 3600 + 5000) * 1_000_000
    await redis.set(KEY, f"{an_hour_ahead:.0f}")
    assert await taken(replica(redis), 10) == 5


@pytest.mark.parametrize("foreign", ["soon", "nan", "inf"])
async def test_what_is_no_instant_stops_nobody(redis: Redis, foreign: str) -> None:
    await redis.set(KEY, foreign)
    replicas = [replica(redis) for _ in range(2)]
    assert sum([await taken(one, 5) for one in replicas]) == 5
    await redis.delete(KEY)
    await redis.rpush(KEY, foreign)
    assert sum([await taken(one, 5) for one in replicas]) == 5


async def test_without_redis_each_process_keeps_its_own_limit(own_redis: RedisServer) -> None:
    async with open_client(own_redis.url, timeout=0.5) as redis:
        limiter = replica(redis)
        assert await taken(limiter, 10) == 5
        own_redis.kill()
        assert await taken(limiter, 10) == 5
        assert await taken(replica(redis), 10) == 5


async def test_a_redis_that_hangs_is_not_waited_for(own_redis: RedisServer) -> None:
    async with open_client(own_redis.url, timeout=0.03) as redis:
        own_redis.stop_signal()
        async with asyncio.timeout(5):
            assert await replica(redis).try_acquire()
        own_redis.continue_signal()


async def test_a_redis_that_refuses_the_script_is_as_good_as_none(redis: Redis) -> None:
    await redis.lpush(KEY, "no number")
    assert await taken(replica(redis), 10) == 5
    await redis.delete(KEY)
