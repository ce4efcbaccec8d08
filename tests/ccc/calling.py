"""A client before a recording server: no rate limit to speak of, no pauses, a fixed clock."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.ccc.client import CccClient
from service.ccc.credentials import AccessKey, StaticCredentials
from service.ccc.endpoints import open_session
from service.ccc.limiter import Limiter

KEY = AccessKey("test-key", "test-secret")
NOW = 1_795_219_200.0


class Prompt(random.Random):
    """Draws the shortest pause every time."""

    def uniform(self, a: float, b: float) -> float:
        return min(a, b)


class NoLimit(Limiter):
    """Gives what is asked for, and counts."""

    def __init__(self, *, free: bool = True) -> None:
        super().__init__()
        self.free = free
        self.foreground = 0
        self.background = 0

    async def try_acquire(self) -> bool:
        return self.free

    async def _ask(self, *, background: bool) -> float:
        if background:
            self.background += 1
        else:
            self.foreground += 1
        return 0.0


class Observed(list[tuple[str, str]]):
    """What the client told of its attempts: actions and codes."""

    def __call__(self, action: str, code: str, seconds: float) -> None:
        assert seconds >= 0
        self.append((action, code))


@asynccontextmanager
async def client_of(
    endpoint: str,
    *,
    key: AccessKey = KEY,
    limiter: Limiter | None = None,
    observed: Observed | None = None,
    budget: float = 5.0,
) -> AsyncIterator[CccClient]:
    async with open_session(endpoint) as session:
        yield CccClient(
            session,
            endpoint,
            StaticCredentials(key),
            limiter or NoLimit(),
            timeout=budget,
            clock=lambda: NOW,
            randomness=Prompt(7),
            observe=Observed() if observed is None else observed,
        )
