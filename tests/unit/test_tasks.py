"""Work in slices: others have their turn in between, and it comes to the same."""

import asyncio
from collections.abc import Generator

from service.tasks import SLICE_SECONDS, at_once, in_slices
from tests.waiting import turns_beside


def work(turns: int, seconds: float = 0.0) -> Generator[None, None, int]:
    for _ in range(turns):
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end:
            pass
        yield
    return turns


async def test_others_have_their_turn_between_the_slices() -> None:
    assert await turns_beside(in_slices(work(20, SLICE_SECONDS))) >= 20


async def test_it_comes_to_what_the_work_returns_in_slices_and_at_once() -> None:
    assert await in_slices(work(0)) == 0
    assert await in_slices(work(20, SLICE_SECONDS)) == 20
    assert at_once(work(3)) == 3
