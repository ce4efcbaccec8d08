"""What stands between a service and Redis: replies that come late, twice, torn or never."""

import asyncio
from contextlib import AsyncExitStack

from tests import proxy
from tests.faults.harness.row import FAULT_SECONDS, row
from tests.faults.harness.stage import Stage


async def distort_for_a_while(stage: Stage, reply: proxy.Reply) -> None:
    """Have this become of all replies to both services."""
    stage.set_proxies(reply=reply)
    await asyncio.sleep(FAULT_SECONDS)
    stage.set_proxies(reply=proxy.passed)


async def delay_for_a_while(stage: Stage, seconds: float) -> None:
    """Have all replies come later."""
    stage.set_proxies(delay=seconds)
    await asyncio.sleep(FAULT_SECONDS)
    stage.set_proxies(delay=0.0)


@row(3, "replies come 15 ms later", redis="serves")
async def near(stage: Stage) -> None:
    await delay_for_a_while(stage, 0.015)


@row(3, "replies come 100 ms later")
async def late(stage: Stage) -> None:
    await delay_for_a_while(stage, 0.1)


@row(4, "replies are lost")
async def lost(stage: Stage) -> None:
    await distort_for_a_while(stage, proxy.lost)


@row(5, "resets in the middle of replies")
async def cut(stage: Stage) -> None:
    await distort_for_a_while(stage, proxy.cut)


@row(6, "replies are truncated")
async def truncated(stage: Stage) -> None:
    await distort_for_a_while(stage, proxy.truncated)


@row(6, "replies begin with garbage")
async def garbled(stage: Stage) -> None:
    await distort_for_a_while(stage, proxy.garbled)


@row(6, "replies come twice")
async def twice(stage: Stage) -> None:
    await distort_for_a_while(stage, proxy.repeated)


@row(7, "connections are swallowed")
async def swallowed(stage: Stage) -> None:
    async with AsyncExitStack() as stack:
        for one in stage.proxies:
            await stack.enter_async_context(one.swallowed())
        await asyncio.sleep(FAULT_SECONDS)


@row(42, "replies are lost, time and again")
async def lost_again(stage: Stage) -> None:
    for _ in range(4):
        await distort_for_a_while(stage, proxy.lost)
        await asyncio.sleep(1)


@row(45, "a reset of a Redis that is 20 ms away", redis="serves")
async def distant(stage: Stage) -> None:
    stage.set_proxies(delay=0.02)
    await asyncio.sleep(0.5)
    for one in stage.proxies:
        one.reset()
    await asyncio.sleep(2)
    stage.set_proxies(delay=0.0)


ROWS = (near, late, lost, cut, truncated, garbled, twice, swallowed, lost_again, distant)
