"""A line believes the reply to its own last call, and no other."""

from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis

from service.ledger.shared.line import CallLost, Line
from tests.ledgers import BASES, ONE

NOW, GENERATION = 1_700_000_000_000, 3


def reply(process: str, number: int) -> bytes:
    answers = ["01089890000 any"]
    return msgspec.msgpack.encode((process, number, NOW, GENERATION, answers, 0, 0, 0))


def line_that_hears(monkeypatch: pytest.MonkeyPatch, heard: bytes) -> Line:
    line = Line(Redis(), BASES, "ours", timeout=1)

    async def send(*_: Any) -> bytes:
        line._is_sent = True
        return heard

    monkeypatch.setattr(line, "_send", send)
    return line


async def test_the_reply_to_the_call_is_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    line = line_that_hears(monkeypatch, reply("ours", 1))
    answered = await line.call([ONE])
    assert (answered.generation, answered.answers) == (GENERATION, ("01089890000 any",))


@pytest.mark.parametrize(
    "stray",
    [reply("another's", 1), reply("ours", 2), b"", b"\x01", b"+PONG"],
    ids=["of another process", "to another call", "empty", "no array", "of another protocol"],
)
async def test_a_reply_to_another_call_is_a_lost_call(
    stray: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = line_that_hears(monkeypatch, stray)
    with pytest.raises(CallLost) as lost:
        await line.call([ONE])
    assert lost.value.call == 1
