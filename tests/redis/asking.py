"""Ask Redis, for tests of what is made of its answers."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest
from redis.asyncio import Redis

from service.errors import LedgerUnavailable
from service.redis_.client import client_for, translated
from tests.waiting import LONG

SHORT = 0.03

T = TypeVar("T")


@contextmanager
def refused_for(reason: str) -> Iterator[None]:
    """Expect that Redis does not serve, for a reason that matches."""
    with pytest.raises(LedgerUnavailable, match=reason), translated():
        yield


async def until_it_answers(client: Redis) -> int:
    """Ask again and again; the id that the server gave the connection which answered."""
    return await _until_done(lambda: client_for(client, "").client_id())


async def until_it_writes(client: Redis, key: str) -> None:
    """Write a key again and again, until that is taken."""
    await _until_done(lambda: client.set(key, "x", ex=1))


async def _until_done(command: Callable[[], Awaitable[T]]) -> T:
    async with asyncio.timeout(LONG):
        while True:
            try:
                with translated():
                    return await command()
            except LedgerUnavailable:
                await asyncio.sleep(0.01)
