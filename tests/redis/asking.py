"""Ask Redis, for tests of what is made of its answers."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from redis.asyncio import Redis

from service.errors import LedgerUnavailable
from service.redis_.client import client_for, translated

SHORT = 0.03
LONG = 5.0


@contextmanager
def refused_for(reason: str) -> Iterator[None]:
    """Expect that Redis does not serve, for a reason that matches."""
    with pytest.raises(LedgerUnavailable, match=reason), translated():
        yield


async def until_it_answers(client: Redis) -> int:
    """Ask again and again; the id that the server gave the connection which answered."""
    async with asyncio.timeout(LONG):
        while True:
            try:
                with translated():
                    found: int = await client_for(client, "").client_id()
                    return found
            except LedgerUnavailable:
                await asyncio.sleep(0.01)
