"""The rate limit over every action of one account: foreground first, shared between replicas.

Alibaba counts an account's calls together, whichever program makes them. The limit here keeps
ours within `max_requests_per_second`; where Redis cannot be asked, each process falls back to a
limit of its own rather than stop. It knows nothing of actions, retries or replies.
"""

import asyncio
import math
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from importlib.resources import files

import msgspec
from redis.asyncio import Redis

from service.errors import LedgerUnavailable
from service.redis_.client import translated
from service.tasks import heed_cancellation

Sleep = Callable[[float], Awaitable[None]]

MICROSECONDS = 1_000_000


class Pace(msgspec.Struct, frozen=True):
    """A rate as its bucket: a token each `interval` seconds, `burst` of them at the most."""

    interval: float
    burst: int

    def reserve(self, *, background: bool) -> float:
        """Return how many tokens a caller must leave: half of the bucket, in the background."""
        return self.burst / 2 if background else 0.0


def pace_of(rate: float) -> Pace:
    """Turn requests per second into a bucket that never lets more through in any one second.

    A quarter of the rate may come at once; what the burst can add, the refill is slower by. Raises
    ValueError for a rate that is not positive.
    """
    if not rate > 0:
        raise ValueError("the rate must be above 0 requests per second")
    burst = max(1, math.floor(rate / 4))
    return Pace(interval=1 / (rate - burst + 1), burst=burst)


class Limiter(ABC):
    """A rate limit, asked before each request.

    Callers wait in this process, foreground and background apart. Only the first of each asks; so
    the order of arrival holds, and a shared limit is asked by two callers a process at most.
    """

    def __init__(self, sleep: Sleep = asyncio.sleep) -> None:
        self._sleep = sleep
        self._turns = {background: asyncio.Lock() for background in (False, True)}

    async def acquire(self, *, background: bool = False) -> None:
        """Wait for a token, in order of arrival; the background leaves half of the bucket."""
        async with self._turns[background]:
            while (seconds := await self._ask(background=background)) > 0:
                await self._sleep(seconds)

    async def try_acquire(self) -> bool:
        """Take a token if one is free now."""
        return await self._ask(background=False) == 0

    @abstractmethod
    async def _ask(self, *, background: bool) -> float:
        """Take a token and return 0, or return in how many seconds one may be taken."""


class LocalLimiter(Limiter):
    """The limit of one process: a token bucket kept as the instant at which it is full again."""

    def __init__(
        self, rate: float, *, clock: Callable[[], float], sleep: Sleep = asyncio.sleep
    ) -> None:
        """Hold `rate` requests per second by `clock`, a monotonic one in seconds."""
        super().__init__(sleep)
        self.pace = pace_of(rate)
        self._clock = clock
        self._full = -math.inf

    def take(self, *, background: bool = False) -> float:
        """Take a token and return 0, or return in how many seconds one may be taken."""
        now, pace = self._clock(), self.pace
        kept = pace.burst - 1 - pace.reserve(background=background)
        wait = self._full - kept * pace.interval - now
        if wait > 0:
            return wait
        self._full = max(self._full, now) + pace.interval
        return 0.0

    async def _ask(self, *, background: bool) -> float:
        return self.take(background=background)


class SharedLimiter(Limiter):
    """One limit for all replicas, in Redis; in this process alone while Redis does not answer.

    While it does not, the replicas together may reach the rate times their number. Redis is waited
    for no longer than its client's own timeouts allow.
    """

    def __init__(
        self, redis: Redis, key: str, local: LocalLimiter, *, sleep: Sleep = asyncio.sleep
    ) -> None:
        """Share the rate of `local` under `key`, which names the account."""
        super().__init__(sleep)
        self._redis = redis
        self._key = key
        self._local = local
        self._script = files(__package__).joinpath("rate_limit.lua").read_text("utf-8")

    async def _ask(self, *, background: bool) -> float:
        pace = self._local.pace
        interval, reserve = pace.interval * MICROSECONDS, pace.reserve(background=background)
        arguments = interval, pace.burst, reserve
        try:
            with translated():
                wait = await self._redis.eval(self._script, 1, self._key, *arguments)
                heed_cancellation()
                return float(wait) / MICROSECONDS
        except LedgerUnavailable:
            return self._local.take(background=background)
