"""A client of the session's Redis, and a watch that never rests long."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from service.health import watch
from service.redis_.client import open_client


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with open_client(redis_url, timeout=5.0) as client:
        yield client


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "WRITE_SECONDS", 0.005)
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.02)
