"""Replies of Redis that are held back, for the tests."""

import asyncio
from typing import Any

import pytest

from tests.ledgers import Shared


class Held:
    """A line whose replies are held back once Redis has applied the calls."""

    def __init__(self, side: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
        self.applied, self.released = asyncio.Event(), asyncio.Event()
        send = side.line._send

        async def held(*words: Any, **named: Any) -> Any:
            async with asyncio.timeout(side.line.timeout):
                reply = await send(*words, **named)
                self.applied.set()
                await self.released.wait()
            return reply

        monkeypatch.setattr(side.line, "_send", held)
