"""Waiting for what happens elsewhere, without sleeping for longer than it takes."""

import asyncio
from collections.abc import Callable


async def eventually(happened: Callable[[], object], within: float = 10) -> None:
    """Return once `happened()` is true; fail after `within` seconds."""
    async with asyncio.timeout(within):
        while not happened():
            await asyncio.sleep(0.01)
