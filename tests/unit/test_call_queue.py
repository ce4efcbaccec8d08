"""The queue before the line: it ends when it is told to, whatever became of the telling."""

import asyncio
from random import Random
from typing import Any, ClassVar

import pytest

from service.errors import LedgerUnavailable
from service.ledger import Breaker
from service.ledger.shared.queue import CallQueue
from service.metrics import Metrics
from tests.ledgers import ONE


class ForgetfulLine:
    """Fails when it is cancelled, as a connection attempt of redis-py on Python 3.11 may."""

    def __init__(self) -> None:
        self.called = asyncio.Event()

    async def call(self, operations: list[Any]) -> tuple[int, list[Any]]:
        self.called.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise LedgerUnavailable(f"{len(operations)} operations not sent") from None
        raise AssertionError

    name = "callerid:2:{ccc-test}:ccc-test"
    timeout, number = 1, 1

    lost: ClassVar[dict[int, Any]] = {}

    async def close(self) -> None:
        pass


async def test_a_cancellation_that_the_line_forgot_ends_the_queue() -> None:
    line: Any = ForgetfulLine()
    metrics = Metrics()
    breaker = Breaker("ledger", Random(1), metrics)
    queue = CallQueue(line, breaker, deadline=5, metrics=metrics)
    sending = asyncio.create_task(queue.run())
    answer = queue.enqueue(ONE)
    await line.called.wait()
    sending.cancel()
    await asyncio.wait([sending], timeout=5)
    assert sending.cancelled()
    with pytest.raises(LedgerUnavailable):
        await answer
