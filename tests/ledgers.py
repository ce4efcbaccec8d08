"""Ledgers over a real Redis, for the tests."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import NamedTuple

from redis.asyncio import Redis

from service.inventory import Inventory, PhoneNumber
from service.ledger import Breaker, FailoverLedger, MembersWriter, MemoryLedger, RedisLedger
from service.ledger.line import Line
from service.metrics import Metrics
from service.redis_client import open_client
from service.selection import Step

BASE = "callerid:2:{ccc-test}:ccc-test:"
BASES = (BASE, "callerid:2:{ccc-test}:callee:")
GROUP = "sales@ccc-test"
EVERYONE = (Step("any", (f"{GROUP}|any|*",)),)


class Shared(NamedTuple):
    """A running ledger and what it is made of."""

    ledger: FailoverLedger
    shared: RedisLedger
    line: Line
    breaker: Breaker
    client: Redis
    metrics: Metrics
    notices: list[int]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def numbers(count: int) -> list[PhoneNumber]:
    return [
        PhoneNumber(f"0108989{last:04d}", "北京", "北京", "010", skill_group_ids=(GROUP,))
        for last in range(count)
    ]


def inventory_of(count: int, generation: int = 1) -> Inventory:
    return Inventory("ccc-test", generation, numbers(count))


@asynccontextmanager
async def shared_ledger(
    url: str, inventory: Inventory, *, process: str = "one", seconds: float = 0.1
) -> AsyncIterator[Shared]:
    """A ledger with more time than the defaults give: the machine may be busy."""
    metrics, notices = Metrics(), list[int]()
    client = open_client(url, timeout=seconds)
    line = Line(client, BASES, process, seconds)
    breaker = Breaker(Random(1))
    shared = RedisLedger(line, breaker, patience=seconds, metrics=metrics, notice=notices.append)
    standby = MemoryLedger(now_ms, source="degraded")
    standby.replace(inventory)
    ledger = FailoverLedger(shared, standby, metrics, now_ms)
    running = asyncio.create_task(ledger.run())
    try:
        yield Shared(ledger, shared, line, breaker, client, metrics, notices)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await client.aclose()


async def write_members(url: str, inventory: Inventory, fence: int = 1) -> None:
    client = open_client(url, timeout=5)
    try:
        await MembersWriter(client, BASE).write(inventory, fence, "epoch")
    finally:
        await client.aclose()
