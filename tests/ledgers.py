"""Ledgers over a real Redis, for the tests."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from random import Random
from typing import Any, NamedTuple

from redis.asyncio import Redis

from service.errors import LedgerUnavailable
from service.inventory import Inventory, PhoneNumber, Step
from service.ledger import (
    Breaker,
    Decision,
    FailoverLedger,
    LocalLedger,
    MembersWriter,
    Pick,
    SharedLedger,
    Standing,
    describe,
)
from service.ledger.answers import picked_from
from service.ledger.pace import LedgerClock
from service.ledger.shared.line import Line
from service.ledger.shared.queue import CallQueue
from service.metrics import Metrics
from service.redis_.client import open_client, open_topology
from service.tasks import keep_running
from tests.fakes import in_place_of
from tests.waiting import LONG, eventually

BASE = "callerid:2:{ccc-test}:ccc-test:"
BASES = (BASE, "callerid:2:{ccc-test}:callee:")
GROUP = "sales@ccc-test"
EVERYONE = (Step("any", (f"{GROUP}|any|*",)),)
ONE = Pick(dry_run=False, steps=EVERYONE)
BRIEF = 1.0  # seconds, where a test waits until an answer is given up; any pick may be, then


def pick(call: str = "", callee: str = "") -> Pick:
    """A pick of any number, under an id and for a callee where these are given."""
    return Pick(dry_run=False, steps=EVERYONE, call=call, callee=callee, groups="g", body="b")


class Shared(NamedTuple):
    """A running ledger and what it is made of."""

    ledger: FailoverLedger
    shared: SharedLedger
    line: Line
    breaker: Breaker
    client: Redis
    metrics: Metrics
    notices: list[int]

    async def pick(self, pick: Pick) -> Decision:
        """By Redis or not at all."""
        return Decision("redis", picked_from(await self.shared.send(pick)))


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
async def shared_ledger(  # noqa: PLR0913 - keywords, each of which few tests change
    url: str,
    inventory: Inventory,
    *,
    process: str = "one",
    seconds: float = LONG,
    bases: tuple[str, str] = BASES,
    clock: Callable[[], int] = now_ms,
) -> AsyncIterator[Shared]:
    """A ledger with much more time than the defaults give."""
    metrics, notices = Metrics(), list[int]()
    async with client_of(url, seconds) as client:
        line = Line(client, bases, process, seconds)
        breaker = Breaker(line.name, Random(1), metrics)
        queue = CallQueue(line, breaker, deadline=2 * seconds, metrics=metrics)
        shared = SharedLedger(line, queue, breaker)
        ledger_clock = LedgerClock(clock, now_ms)
        standby = LocalLedger(ledger_clock, source="degraded")
        ledger = FailoverLedger(shared, standby, metrics, ledger_clock, notices.append)
        ledger.replace(inventory)
        async with AsyncExitStack() as duties:
            for name, duty in ledger.work().items():
                await duties.enter_async_context(running(keep_running(name, duty, metrics)))
            yield Shared(ledger, shared, line, breaker, client, metrics, notices)


@asynccontextmanager
async def client_of(url: str, seconds: float) -> AsyncIterator[Redis]:
    """A client of any kind of URL, with its topology followed."""
    topology = open_topology(url)
    if topology is None:
        async with open_client(url, timeout=seconds) as client:
            yield client
        return
    async with aclosing(topology):
        await topology.search()
        async with running(topology.run()), open_client(topology, timeout=seconds) as client:
            yield client


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def write_members(url: str, inventory: Inventory, fence: int = 1, base: str = BASE) -> None:
    async with client_of(url, 5) as client:
        await MembersWriter(client, base).write(inventory, fence, "epoch")


async def picks_until(side: Shared, source: str, shown: Counter[str]) -> None:
    """Pick and pick again until one is decided there, counting what is shown."""
    decision = None
    async with asyncio.timeout(15):
        while decision is None or decision.source != source:
            decision = await side.ledger.pick(ONE)
            shown.update(number for number, _ in decision.picked.uses)
            await asyncio.sleep(0.005)


async def counted(side: Shared, inventory: Inventory) -> Counter[str]:
    """What the shared ledger has counted, once all is written back to it."""
    await eventually(
        lambda: not side.metrics.registry.get_sample_value("callerid_write_back_backlog")
    )
    numbers = tuple(inventory.numbers)
    standings: list[Standing] = []
    async with asyncio.timeout(10):
        while not standings:
            with suppress(LedgerUnavailable):
                standings = await describe(in_place_of(side.shared), numbers)
    used = {number: one.used_day for number, one in zip(numbers, standings, strict=True)}
    return +Counter(used)
