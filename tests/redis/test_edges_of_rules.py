"""The last instant at which a rule holds, in the Lua itself: a millisecond decides."""

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from service.ledger import CalleeRule, Limits, Pick, Picked, Rules
from service.ledger.answers import picked_from
from service.ledger.port import Cap, Outcome, Stop
from service.ledger.shared.line import Line
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


async def picked(line: Line, now: int, call: str = "") -> Picked:
    (answer,) = (await line.call([replace(PICK, call=call)], now)).answers
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


async def test_a_final_outcome_frees_the_slot_at_once_and_another_renews_it(line: Line) -> None:
    line.rule(Rules(limits={"": Limits(max_concurrent=1, lease=1000)}, remembered=A_DAY))
    for call, now in (("1", AT), ("2", AT), ("3", AT)):
        assert (await picked(line, now, call)).uses
    assert not (await picked(line, AT + 1, "4")).uses
    await line.call([Outcome("1", "", "", final=True), Outcome("2", "", "", final=False)], AT + 2)
    assert (await picked(line, AT + 2, "5")).uses
    assert not (await picked(line, AT + 2, "6")).uses
    assert (await picked(line, AT + 1000, "7")).uses  # the slot of 3, which nothing renewed
    assert not (await picked(line, AT + 1001, "8")).uses
    assert (await picked(line, AT + 1002, "9")).uses


async def test_a_cap_of_a_numbers_own_never_lifts_its_limits(line: Line) -> None:
    line.rule(Rules(limits={"": Limits(max_per_day=1)}))
    await line.call([Cap(f"0108989{last:04d}", 5) for last in range(3)], AT)
    assert [bool((await picked(line, AT)).uses) for _ in range(4)] == [True, True, True, False]
