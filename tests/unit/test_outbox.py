"""Answers that are ready in one turn of the loop leave in a row, in their order."""

import asyncio

from service.api.response import LONGEST_ROW, Outbox


async def test_an_answer_leaves_when_all_that_is_ready_is_decided() -> None:
    outbox, written = Outbox(), list[bytes]()
    asyncio.get_running_loop().call_soon(outbox.put, written.append, b"second")
    outbox.put(written.append, b"first")
    assert written == []
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert written == [b"first", b"second"]


async def test_a_long_row_leaves_at_once_and_nothing_leaves_twice() -> None:
    outbox, written = Outbox(), list[bytes]()
    answers = [b"%d" % place for place in range(LONGEST_ROW + 1)]
    for answer in answers[:-1]:
        outbox.put(written.append, answer)
    assert written == answers[:-1]
    outbox.put(written.append, answers[-1])
    outbox.leave()
    await asyncio.sleep(0)
    assert written == answers
