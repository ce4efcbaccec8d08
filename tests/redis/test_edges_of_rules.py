"""The last instant at which a rule holds, in the Lua itself: a millisecond decides."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from service.ledger import CalleeRule, Limits, Pick, Picked, Rules
from service.ledger.port import Stop
from service.ledger.shared.line import Line
from service.ledger.shared.wire import picked_from
from tests.ledgers import BASES, EVERYONE, client_of, inventory_of, write_members

AT = 1_700_000_000_000
A_DAY = 86_400_000
PICK = Pick(dry_run=False, steps=EVERYONE, callee="a", groups="g")


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    await write_members(redis_url, inventory_of(3))
    async with client_of(redis_url, 5) as opened:
        yield opened


@pytest.fixture
async def line(client: Redis) -> AsyncIterator[Line]:
    line = Line(client, BASES, "tests", timeout=5)
    yield line
    await line.close()


async def picked(line: Line, now: int) -> Picked:
    _, (answer,) = await line.call([PICK], now)
    return picked_from(answer)


async def test_a_sliding_window_ends_with_its_last_millisecond(line: Line) -> None:
    line.rule(Rules(callee=(CalleeRule(1, 5000, by_calendar=False),)))
    assert (await picked(line, AT)).uses
    assert (await picked(line, AT + 4999)).refusal == "budget"
    assert (await picked(line, AT + 5000)).uses


async def test_a_number_beyond_a_lowered_limit_is_sticky_no_more(line: Line) -> None:
    line.rule(Rules(sticky=5000))
    ((first, _),) = (await picked(line, AT)).uses
    line.rule(Rules(sticky=5000, limits={"": Limits(max_per_hour=1)}))
    ((second, _),) = (await picked(line, AT + 1)).uses
    assert second != first


async def test_a_stop_outlives_all_that_is_remembered_of_its_callee(
    line: Line, client: Redis
) -> None:
    line.rule(Rules(remembered=1000))
    await line.call([Stop("a", AT + A_DAY)], AT)
    assert await client.pttl(f"{BASES[1]}a") > A_DAY
