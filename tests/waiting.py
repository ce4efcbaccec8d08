"""Waiting for what happens elsewhere, without sleeping for longer than it takes."""

import asyncio
from collections.abc import Awaitable, Callable

LONG = 30.0  # seconds: on a busy machine too, Redis has answered by then
STARTING_SECONDS = 60  # a process has it to start or to run to its end, on a busy machine too


async def eventually(happened: Callable[[], object], within: float = 10) -> None:
    """Return once `happened()` is true; fail after `within` seconds."""
    async with asyncio.timeout(within):
        while not happened():
            await asyncio.sleep(0.01)


async def turns_beside(work: Awaitable[object]) -> int:
    """How many turns of the event loop another task has while this is done."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    await work
    beside.cancel()
    return turns
