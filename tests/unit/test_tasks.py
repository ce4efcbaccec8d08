"""Work in slices: others have their turn in between, and it comes to the same. Light tasks."""

import asyncio
from collections.abc import Generator
from contextvars import ContextVar

import pytest

from service.tasks import SLICE_SECONDS, LightTask, at_once, in_slices
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


async def slow() -> None:
    async with asyncio.timeout(0.001):
        await asyncio.Event().wait()


async def test_a_light_task_awaits_futures_their_errors_and_tasks_with_a_timeout() -> None:
    loop = asyncio.get_running_loop()
    future, seen = loop.create_future(), loop.create_future()

    async def light() -> None:
        first = await future
        with pytest.raises(TimeoutError):
            await asyncio.create_task(slow())
        seen.set_result(first)

    LightTask(light(), loop)
    await asyncio.sleep(0)
    assert not seen.done()
    future.set_result("an answer")
    assert await seen == "an answer"


async def test_each_light_task_has_a_context_of_its_own_from_its_beginning_to_its_end() -> None:
    loop, name = asyncio.get_running_loop(), ContextVar("name", default="nobody's")
    ends = [loop.create_future() for _ in range(2)]
    told: list[str] = []

    async def light(own: str, end: asyncio.Future[None]) -> None:
        token = name.set(own)
        await end
        told.append(name.get())
        name.reset(token)

    for own, end in zip(("one", "other"), ends, strict=True):
        LightTask(light(own, end), loop)
    await asyncio.sleep(0)
    for end in reversed(ends):
        end.set_result(None)
    await asyncio.sleep(0)
    assert told == ["other", "one"]
    assert name.get() == "nobody's"
