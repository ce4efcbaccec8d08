"""A process that must decide alone knows what it has itself just done."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from functools import partial

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from service.errors import LedgerUnavailable
from service.ledger import CalleeRule, Limits, Outcome, Rules
from service.ledger import failover as failover_module
from service.ledger import write_back as write_back_module
from service.ledger.shared import breaker as breaker_module
from tests.conftest import RedisServer
from tests.ledgers import (
    BASE,
    BRIEF,
    Shared,
    counted,
    inventory_of,
    pick,
    picks_until,
    shared_ledger,
    write_members,
)
from tests.waiting import eventually

HOUR = 3_600_000


async def numbers_of(side: Shared, call: str, callee: str = "") -> tuple[str, tuple[str, ...]]:
    decision = await side.ledger.pick(pick(call, callee))
    return decision.source, tuple(number for number, _ in decision.picked.uses)


async def test_a_call_asked_again_while_redis_is_away_has_its_answer_and_counts_once(
    own_redis: RedisServer,
) -> None:
    inventory = inventory_of(40)
    await write_members(own_redis.url, inventory)
    async with shared_ledger(own_redis.url, inventory, seconds=BRIEF) as side:
        shown = Counter[str]()
        await picks_until(side, "redis", shown)
        before = [await numbers_of(side, f"before-{n}") for n in range(20)]
        own_redis.stop_signal()
        try:
            alone = [await numbers_of(side, f"alone-{n}") for n in range(20)]
            for _ in range(4):
                assert [(await numbers_of(side, f"before-{n}"))[1] for n in range(20)] == [
                    shown for _, shown in before
                ]
                assert [await numbers_of(side, f"alone-{n}") for n in range(20)] == alone
        finally:
            own_redis.continue_signal()
        assert {source for source, _ in before} == {"redis"}
        assert {source for source, _ in alone} == {"degraded"}
        shown.update(number for _, (number,) in [*before, *alone])
        assert await counted(side, inventory) == shown
        await picks_until(side, "redis", shown)
        assert [(await numbers_of(side, f"alone-{n}"))[1] for n in range(20)] == [
            numbers for _, numbers in alone
        ]
        assert await counted(side, inventory) == shown


async def never(_: object) -> None:
    raise LedgerUnavailable("not yet")


async def test_what_waits_to_be_written_is_answered_from_here_while_redis_serves_again(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    inventory = inventory_of(40)
    await write_members(own_redis.url, inventory)
    async with shared_ledger(own_redis.url, inventory, seconds=BRIEF) as side:
        own_redis.stop_signal()
        try:
            alone = [await numbers_of(side, f"alone-{n}") for n in range(20)]
        finally:
            own_redis.continue_signal()
        with monkeypatch.context() as held:
            held.setattr(side.ledger._write_back, "_write", never)
            await picks_until(side, "redis", Counter())
            again = [await numbers_of(side, f"alone-{n}") for n in range(20)]
        assert again == alone


async def test_a_call_asked_of_two_processes_that_are_cut_off_counts_once(
    own_redis: RedisServer,
) -> None:
    inventory = inventory_of(40)
    await write_members(own_redis.url, inventory)
    async with (
        shared_ledger(own_redis.url, inventory, process="one", seconds=BRIEF) as one,
        shared_ledger(own_redis.url, inventory, process="two", seconds=BRIEF) as two,
    ):
        own_redis.stop_signal()
        try:
            for side in (one, two):
                for n in range(20):
                    await numbers_of(side, f"call-{n}")
        finally:
            own_redis.continue_signal()
        await counted(one, inventory)
        assert (await counted(two, inventory)).total() == 20


async def test_a_budget_that_own_picks_have_spent_refuses_without_redis(
    own_redis: RedisServer,
) -> None:
    inventory = inventory_of(5)
    rules = Rules(callee=(CalleeRule(2, HOUR, by_calendar=False),))
    await write_members(own_redis.url, inventory)
    async with shared_ledger(own_redis.url, inventory) as side:
        side.ledger.rule(rules)
        for call in ("x", "x", "y"):  # the second asks for the same again
            assert (await numbers_of(side, call, "a"))[0] == "redis"
        assert (await numbers_of(side, "z", "b"))[0] == "redis"
        own_redis.kill()
        refusals = [
            (await side.ledger.pick(pick(call, callee))).picked.refusal
            for call, callee in [("v", "a"), ("w", "b"), ("u", "b")]
        ]
    assert refusals == ["budget", "", "budget"]


async def test_a_number_that_this_process_has_used_up_is_shown_no_more(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failover_module, "KEEP_UP_SECONDS", HOUR)
    inventory = inventory_of(2)
    await write_members(own_redis.url, inventory)
    async with shared_ledger(own_redis.url, inventory) as side:
        side.ledger.rule(Rules(limits={"": Limits(max_per_day=5, max_concurrent=4)}))
        for n in range(8):
            assert (await numbers_of(side, f"call-{n}"))[0] == "redis"
            await side.ledger.apply(Outcome(f"call-{n}", "", "", final=True))
        own_redis.kill()
        shown = [(await numbers_of(side, f"alone-{n}"))[1] for n in range(4)]
    assert Counter(shown) == {("01089890000",): 1, ("01089890001",): 1, (): 2}


async def test_slots_come_free_while_redis_is_away(own_redis: RedisServer) -> None:
    inventory = inventory_of(1)
    await write_members(own_redis.url, inventory)
    async with shared_ledger(own_redis.url, inventory) as side:
        side.ledger.rule(Rules(limits={"": Limits(max_concurrent=1)}, remembered=HOUR))
        assert (await numbers_of(side, "before"))[0] == "redis"
        own_redis.kill()
        assert (await numbers_of(side, "too-early"))[1] == ()
        for call in ("before", "alone"):
            with pytest.raises(LedgerUnavailable):
                await side.ledger.apply(Outcome(call, "", "", final=True))
            assert (await numbers_of(side, "alone"))[1] == ("01089890000",)


def has_heard_of(side: Shared, processes: int) -> bool:
    return side.ledger._local._book.members.sharing == processes


async def spend(sides: list[Shared], cap: int) -> int:
    """Pick until nobody has anything left; how often a number was shown."""
    shown = 0
    for _ in range(2 * cap):
        for side in sides:
            shown += len((await side.ledger.pick(pick())).picked.uses)
    return shown


@pytest.mark.usefixtures("_keeping_up_often")
@pytest.mark.parametrize("processes", [1, 2, 3])
async def test_caps_end_where_they_should_when_all_are_cut_off_together(
    own_redis: RedisServer, processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    cap, numbers = 100, 5
    inventory = inventory_of(numbers)
    await write_members(own_redis.url, inventory)
    async with AsyncExitStack() as stack:
        sides = [
            await stack.enter_async_context(
                shared_ledger(own_redis.url, inventory, process=f"process-{n}")
            )
            for n in range(processes)
        ]
        for side in sides:
            side.ledger.rule(Rules(limits={"": Limits(max_per_day=cap)}))
            await eventually(partial(has_heard_of, side, processes))
        monkeypatch.setattr(failover_module, "KEEP_UP_SECONDS", HOUR)  # no more from the others
        shown = 0
        for _ in range(40):
            for side in sides:
                shown += len((await side.ledger.pick(pick())).picked.uses)
        own_redis.kill()
        shown += await spend(sides, numbers * cap)
    most = cap + 5 if processes < 3 else cap + processes
    assert numbers * cap * 0.9 <= shown <= numbers * most


def knows_of(side: Shared, uses: int) -> bool:
    return side.ledger._local._book.members.caller("01089890000").in_day == uses


def cut_off(side: Shared, away: pytest.MonkeyPatch) -> None:
    """Have neither its calls nor its presence reach Redis."""

    async def refused(*_: object, **_named: object) -> None:
        raise RedisConnectionError("refused")

    away.setattr(side.line, "_send", refused)
    away.setattr(side.line.census, "processes", never)


@pytest.mark.usefixtures("_keeping_up_often")
async def test_who_is_back_first_leaves_the_others_what_they_have_used_up(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failover_module, "CATCH_UP_SECONDS", HOUR)
    monkeypatch.setattr(write_back_module, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(breaker_module, "PROBE_SECONDS", 0.01)
    inventory = inventory_of(1)
    await write_members(own_redis.url, inventory)
    async with (
        shared_ledger(own_redis.url, inventory, process="first") as first,
        shared_ledger(own_redis.url, inventory, process="second") as second,
    ):
        for side in (first, second):
            side.ledger.rule(Rules(limits={"": Limits(max_per_day=10)}))
            await eventually(partial(has_heard_of, side, 2))
        for side in (first, second, first, second):
            assert (await side.ledger.pick(pick())).source == "redis"
        await eventually(lambda: knows_of(first, 4) and knows_of(second, 4))
        with monkeypatch.context() as away, monkeypatch.context() as longer_away:
            cut_off(first, away)
            cut_off(second, longer_away)
            assert await spend([first, second], 10) == 6
            await first.client.delete(f"{BASE}processes")  # as after a while
            away.undo()
            assert await counted(first, inventory) == {"01089890000": 7}
            while not await first.client.exists(f"{BASE}processes"):
                await asyncio.sleep(0.01)
            assert await spend([first], 10) == 0
        assert await counted(second, inventory) == {"01089890000": 10}
