"""What Redis holds and the time it tells: wiped, poisoned, stepped back."""

import asyncio
import re
import shutil

from msgspec.structs import replace

from tests.faults.harness.figures import Allowed
from tests.faults.harness.row import FAULT_SECONDS, SET_BACK, row
from tests.faults.harness.servers import INSTANCE, clocked, set_clock
from tests.faults.harness.stage import HOUR, ONCE, Setup, Stage, rows_of

BASE = f"callerid:2:{{{INSTANCE}}}:{INSTANCE}:"
STRANGER = b"02155599999"  # as long as a number of ours
OURS = re.compile(rb"028555\d{5}")
POISONED = 5  # numbers
LONG_SECONDS = 35  # more than a process keeps of its own picks

WIPED = Allowed(lost=0.01, doubled=0.002, differing=0.02)  # it has forgotten calls, too
# A clock that stands still keeps all numbers resting.
RESTING = Setup(clocked, rest=1)


@row(15, "Redis comes back empty", setup=Setup(callees=ONCE), allowed=WIPED)
async def emptied(stage: Stage) -> None:
    await asyncio.to_thread(stage.redis.kill)
    for path in stage.redis.socket.parent.glob("append*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    await asyncio.to_thread(stage.redis.restart)


@row(43, "Redis's clock goes back an hour", setup=RESTING, redis="serves", says=SET_BACK)
async def clock_back(stage: Stage) -> None:
    set_clock(stage.folder, -HOUR)
    await asyncio.sleep(4)


@row(
    43,
    "Redis's clock goes forth and back",
    setup=replace(RESTING, callees=ONCE),
    allowed=Allowed(doubled=0.05, differing=0.05),  # it outlives what is remembered of calls
    redis="serves",
)
async def clock_forth(stage: Stage) -> None:
    set_clock(stage.folder, HOUR)
    await asyncio.sleep(1)
    set_clock(stage.folder, 0)
    await asyncio.sleep(4)


@row(44, "Redis is flushed", setup=Setup(callees=ONCE, before=LONG_SECONDS), allowed=WIPED)
async def flushed(stage: Stage) -> None:
    await stage.ask("FLUSHALL")
    await asyncio.sleep(FAULT_SECONDS)


@row(47, "records are garbage", allowed=Allowed(lost=0.01))
async def records(stage: Stage) -> None:
    for listed in rows_of(POISONED):
        await stage.ask("HSET", f"{BASE}numbers", listed["Number"], b"\xff")
    await asyncio.sleep(FAULT_SECONDS)


@row(47, "the ledger's time is endless", redis="serves")
async def endless(stage: Stage) -> None:
    await stage.ask("HSET", f"{BASE}state", "now", "inf")
    await asyncio.sleep(FAULT_SECONDS)


@row(
    47,
    "remembered calls name a stranger",
    allowed=Allowed(doubled=0.05, differing=0.05),
    redis="serves",
)
async def strangers(stage: Stage) -> None:
    async with stage.client() as client:
        async for key in client.scan_iter(f"{BASE}call:*", count=1000):
            if isinstance(remembered := await client.get(key), bytes):
                await client.set(key, OURS.sub(STRANGER, remembered), keepttl=True)
    await asyncio.sleep(FAULT_SECONDS)


ROWS = (emptied, clock_back, clock_forth, flushed, records, endless, strangers)
