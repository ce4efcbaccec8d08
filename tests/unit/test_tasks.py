"""Work in slices: others have their turn in between, and it comes to the same."""

import asyncio
from collections.abc import Generator

from service.tasks import SLICE_SECONDS, at_once, in_slices


def work(turns: int, seconds: float = 0.0) -> Generator[None, None, int]:
    for _ in range(turns):
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end:
            pass
        yield
    return turns


async def test_others_have_their_turn_between_the_slices() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    assert await in_slices(work(20, SLICE_SECONDS)) == 20
    beside.cancel()
    assert turns >= 20


async def test_little_work_takes_one_slice_and_none_at_all_returns_at_once() -> None:
    assert await in_slices(work(0)) == 0
    assert at_once(work(3)) == 3
