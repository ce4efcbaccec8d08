"""Background tasks: each has an owner, and one that dies is restarted, counted and told of."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from contextvars import copy_context
from typing import Any, TypeVar

from service.metrics import Metrics

SHORTEST_PAUSE = 0.1
LONGEST_PAUSE = 1.0
LAG_INTERVAL = 0.5
SLICE_SECONDS = 0.0005  # what a pick waits for other work at a time
SWITCH_SECONDS = 0.0005  # after which a thread gives way to the event loop; 5 ms is Python's own

T = TypeVar("T")

_log = logging.getLogger(__name__)


async def keep_running(
    name: str, work: Callable[[], Coroutine[Any, Any, None]], metrics: Metrics
) -> None:
    """Run `work` in a task of its own until cancelled; start it again, ever later, when it ends.

    Args:
        name: what the task, the metric and the log call it.
        work: runs until it is cancelled; its return is a failure too, and so is its cancellation
            by anybody but this.
        metrics: counts the restarts.
    """
    loop = asyncio.get_running_loop()
    pause = SHORTEST_PAUSE
    while True:
        started = loop.time()
        try:
            await asyncio.create_task(work(), name=name)
            _log.error("Task %s ended unexpectedly and is restarted", name)
        except asyncio.CancelledError:
            heed_cancellation()
            _log.error("Task %s was cancelled and is restarted", name)
        except Exception:  # noqa: BLE001 - whatever it was, the task must go on
            _log.exception("Task %s failed and is restarted", name)
        heed_cancellation()  # it may have ended otherwise while it was being cancelled
        metrics.task_restarts.labels(name).inc()
        if loop.time() - started > LONGEST_PAUSE:
            pause = SHORTEST_PAUSE
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


async def measure_lag(metrics: Metrics) -> None:
    """Observe twice a second how late the event loop wakes a sleeper, and show what was tallied."""
    loop = asyncio.get_running_loop()
    try:
        while True:
            due = loop.time() + LAG_INTERVAL
            await asyncio.sleep(LAG_INTERVAL)
            metrics.event_loop_lag.observe(max(0.0, loop.time() - due))
            metrics.flush()
    finally:
        metrics.flush()  # the next worker goes on from there


class LightTask:
    """Runs a coroutine as a task does, from the loop's next turn on, at less cost.

    It cannot be cancelled, nor can what it runs have a timeout: what needs that, it awaits as a
    task.

    Args:
        work: answers for its own errors.
        loop: is running.
    """

    __slots__ = ("_context", "_work")

    def __init__(self, work: Coroutine[Any, None, None], loop: asyncio.AbstractEventLoop) -> None:
        self._work = work
        self._context = copy_context()
        loop.call_soon(self._go_on, context=self._context)

    def _go_on(self, _: object = None) -> None:
        try:
            future = self._work.send(None)
        except StopIteration:
            return
        if future is None:  # it only lets others have a turn
            asyncio.get_running_loop().call_soon(self._go_on, context=self._context)
            return
        future._asyncio_future_blocking = False  # noqa: SLF001 - as a task says that it waits
        future.add_done_callback(self._go_on, context=self._context)


def at_once(work: Generator[None, None, T]) -> T:
    """Run a sliced job to its end at once: a small one, or where no pick waits."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: T = end.value
            return result


async def in_slices(work: Generator[None, None, T]) -> T:
    """Do what takes longer than a pick can wait, a slice in each turn of the event loop.

    In a thread it would hold the interpreter's lock for `SWITCH_SECONDS` or more at each turn.

    Args:
        work: yields where it may be left for a while, at least once in a slice.

    Returns:
        What it returns at its end.
    """
    now = asyncio.get_running_loop().time
    while True:
        until = now() + SLICE_SECONDS
        try:
            while now() < until:
                next(work)
        except StopIteration as end:
            result: T = end.value
            return result
        await asyncio.sleep(0)


async def wait_at_most(seconds: float, event: asyncio.Event) -> None:
    """Wait until an event is set, or for as long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def heed_cancellation() -> None:
    """End here if this task was cancelled: to be called once in each turn of an endless loop.

    On Python 3.11 `asyncio.wait_for`, which redis-py sends its commands with, returns the result of
    what has just ended and forgets that it was cancelled meanwhile. A loop would go on for ever.

    Raises:
        asyncio.CancelledError: it was, whether or not anybody has noticed.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
