"""What is picked without Redis: within its share of the caps, and written back once."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from msgspec.structs import replace

from service.errors import LedgerUnavailable
from service.inventory import LEVELS, Mark, Wish, group_token, read_mark, steps_for
from service.ledger import CalleeRule, Limits, Outcome, Park, Rules
from service.ledger import failover as failover_module
from service.ledger.answers import Followed
from service.ledger.shared import queue as queue_module
from service.ledger.shared.line import CallLost
from service.ledger.write_back import WriteBack
from service.locality import Locality
from tests.conftest import RedisServer
from tests.faults.held import Held
from tests.ledgers import (
    BRIEF,
    GROUP,
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


pytestmark = pytest.mark.usefixtures("_keeping_up_often")


def written(side: Shared, result: str) -> float:
    sample = side.metrics.registry.get_sample_value(
        "callerid_write_backs_total", {"result": result}
    )
    return sample or 0.0


async def test_what_was_picked_without_redis_is_counted_when_it_is_back(
    own_redis: RedisServer,
) -> None:
    inventory, shown = inventory_of(4), Counter[str]()
    await write_members(own_redis.url, inventory)
    async with shared_ledger(own_redis.url, inventory, seconds=BRIEF) as side:
        await picks_until(side, "redis", shown)
        own_redis.stop_signal()
        try:
            decisions = [await side.ledger.pick(pick(callee=f"c{n}")) for n in range(6)]
        finally:
            own_redis.continue_signal()
        assert {decision.source for decision in decisions} == {"degraded"}
        shown.update(number for one in decisions for number, _ in one.picked.uses)
        assert await counted(side, inventory) == shown


async def test_an_outcome_brings_back_the_stratum_and_arm_of_a_pick_made_without_redis(
    own_redis: RedisServer,
) -> None:
    inventory = inventory_of(2)
    await write_members(own_redis.url, inventory)
    steps = steps_for(inventory, Locality("四川", "成都", "028"), Wish((GROUP,)), LEVELS)
    async with shared_ledger(own_redis.url, inventory, seconds=BRIEF) as side:
        side.ledger.rule(Rules(remembered=HOUR))
        before = replace(pick("before"), steps=steps, arm="l7")
        await picks_until(side, "redis", Counter())
        assert (await side.ledger.pick(before)).source == "redis"
        own_redis.stop_signal()
        try:
            decision = await side.ledger.pick(replace(before, call="meanwhile"))
        finally:
            own_redis.continue_signal()
        assert decision.source == "degraded"
        await eventually(
            lambda: side.metrics.registry.get_sample_value("callerid_write_back_backlog") == 0
        )
        told = [
            await side.shared.apply(Outcome(call, "", "", final=True))
            for call in ("before", "meanwhile")
        ]
    marks = [read_mark(mark) for followed in told for _, mark in followed.uses]
    assert marks == [Mark("any", "any", "SC", group_token(GROUP), "l7")] * 2


@pytest.fixture
def may_write(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Nothing is written back before this is set."""
    event, write = asyncio.Event(), WriteBack._write

    async def held(*unwritten: Any) -> None:
        await event.wait()
        await write(*unwritten)

    monkeypatch.setattr(WriteBack, "_write", held)
    return event


@pytest.mark.parametrize("call", ["x", ""], ids=["by its call", "by both numbers"])
async def test_an_outcome_waits_until_its_pick_is_written(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch, may_write: asyncio.Event, call: str
) -> None:
    monkeypatch.setattr(failover_module, "CATCH_UP_SECONDS", 0.0)
    inventory = inventory_of(2)
    await write_members(own_redis.url, inventory)
    async with shared_ledger(own_redis.url, inventory, seconds=BRIEF) as side:
        side.ledger.rule(Rules(cooldown=HOUR, remembered=HOUR))
        await picks_until(side, "redis", Counter())
        own_redis.stop_signal()
        try:
            decision = await side.ledger.pick(pick(call, "a"))
        finally:
            own_redis.continue_signal()
        ((number, _),) = decision.picked.uses
        outcome = Outcome(call, "" if call else "a", "" if call else number, final=True)
        await eventually(lambda: not side.ledger.trouble)
        with pytest.raises(LedgerUnavailable):
            await side.ledger.apply(outcome)
        may_write.set()
        await eventually(
            lambda: side.metrics.registry.get_sample_value("callerid_write_back_backlog") == 0
        )
        states = [(await side.ledger.apply(outcome)).state for _ in range(2)]
    assert states == ["followed", "over"]


async def test_an_outcome_waits_a_moment_for_another_process_to_write_its_pick(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch, may_write: asyncio.Event
) -> None:
    monkeypatch.setattr(failover_module, "CATCH_UP_SECONDS", HOUR)
    inventory = inventory_of(2)
    await write_members(own_redis.url, inventory)
    async with (
        shared_ledger(own_redis.url, inventory, process="one", seconds=BRIEF) as one,
        shared_ledger(own_redis.url, inventory, process="two", seconds=BRIEF) as two,
    ):
        for side in (one, two):
            side.ledger.rule(Rules(remembered=HOUR))
            await picks_until(side, "redis", Counter())
        assert await two.ledger.apply(Outcome("x", "", "", final=True)) == Followed("unknown")
        own_redis.stop_signal()
        try:
            for side in (one, two):
                assert (await side.ledger.pick(pick())).source == "degraded"
            await eventually(lambda: one.breaker.is_open and two.breaker.is_open)
            assert (await one.ledger.pick(pick("x"))).source == "degraded"  # and was never sent
        finally:
            own_redis.continue_signal()
        await eventually(lambda: not two.ledger.trouble)
        with pytest.raises(LedgerUnavailable):
            await two.ledger.apply(Outcome("x", "", "", final=True))
        may_write.set()
        await eventually(
            lambda: one.metrics.registry.get_sample_value("callerid_write_back_backlog") == 0
        )
        assert (await two.ledger.apply(Outcome("x", "", "", final=True))).state == "followed"


async def test_a_call_that_timed_out_and_was_applied_is_corrected(own_redis: RedisServer) -> None:
    inventory = inventory_of(3)
    await write_members(own_redis.url, inventory)
    async with shared_ledger(own_redis.url, inventory, seconds=BRIEF) as side:
        await side.ledger.pick(pick())
        own_redis.stop_signal()
        try:
            decision = await side.ledger.pick(pick(call="x", callee="a"))
        finally:
            own_redis.continue_signal()
        assert decision.source == "degraded"
        await eventually(
            lambda: side.metrics.registry.get_sample_value("callerid_write_back_backlog") == 0
        )
        again = await side.pick(pick(call="x", callee="a"))
        assert (await counted(side, inventory)).total() == 2
    assert again.picked.uses == decision.picked.uses
    assert written(side, "written") + written(side, "corrected") + written(side, "agreed") == 1


async def test_an_outcome_whose_answer_was_lost_has_it_when_told_again(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    inventory = inventory_of(2)
    await write_members(own_redis.url, inventory)
    outcome = Outcome("x", "", "", final=True)
    async with shared_ledger(own_redis.url, inventory, seconds=BRIEF) as side:
        side.ledger.rule(Rules(remembered=HOUR))
        assert (await side.ledger.pick(pick("x"))).source == "redis"
        with monkeypatch.context() as holding:
            holding.setattr(side.line, "timeout", 0.05)
            Held(side, holding)
            with pytest.raises(CallLost):
                await side.ledger.apply(outcome)
        await eventually(lambda: not side.ledger.trouble and not side.line.lost)
        states = [(await side.ledger.apply(outcome)).state for _ in range(2)]
    assert states == ["followed", "over"]


async def test_a_call_whose_fate_is_forgotten_holds_nothing_up(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_module, "FATES_KEPT", 0)
    inventory = inventory_of(3)
    await write_members(own_redis.url, inventory)
    async with shared_ledger(own_redis.url, inventory, seconds=BRIEF) as side:
        await side.ledger.pick(pick())
        own_redis.stop_signal()
        try:
            assert (await side.ledger.pick(pick())).source == "degraded"
        finally:
            own_redis.continue_signal()
        await eventually(
            lambda: side.metrics.registry.get_sample_value("callerid_write_back_backlog") == 0
        )
    assert written(side, "written") == 1


def has_kept_up(side: Shared) -> bool:
    members = side.ledger._local._book.members
    return members.sharing == 2 and members.caller("01089890000").in_hour == 4


async def test_processes_that_decide_alone_keep_to_their_share_of_a_cap(
    own_redis: RedisServer,
) -> None:
    inventory = inventory_of(1)
    rules = Rules(limits={"": Limits(max_per_hour=10)})
    await write_members(own_redis.url, inventory)
    async with (
        shared_ledger(own_redis.url, inventory, process="one") as one,
        shared_ledger(own_redis.url, inventory, process="two") as two,
    ):
        for side in (one, two):
            side.ledger.rule(rules)
        for _ in range(4):
            assert (await one.ledger.pick(pick())).picked.uses
        await eventually(lambda: has_kept_up(one) and has_kept_up(two))
        own_redis.kill()
        shown = [
            bool((await side.ledger.pick(pick())).picked.uses)
            for side in (one, two)
            for _ in range(8)
        ]
    assert sum(shown) == 6


async def test_a_callees_budget_holds_by_this_processs_own_picks(own_redis: RedisServer) -> None:
    inventory = inventory_of(5)
    rules = Rules(callee=(CalleeRule(2, HOUR, by_calendar=False),))
    await write_members(own_redis.url, inventory)
    async with shared_ledger(own_redis.url, inventory) as side:
        side.ledger.rule(rules)
        own_redis.kill()
        decisions = [await side.ledger.pick(pick(callee="a")) for _ in range(3)]
    assert [one.picked.refusal for one in decisions] == ["", "", "budget"]


async def test_what_is_parked_stays_parked_while_redis_is_gone(own_redis: RedisServer) -> None:
    inventory = inventory_of(2)
    await write_members(own_redis.url, inventory)
    async with shared_ledger(own_redis.url, inventory) as side:
        await side.ledger.apply(Park("01089890000", "operator", 2**42))
        await eventually(lambda: side.ledger._local._book.members.parked() == ("01089890000",))
        own_redis.kill()
        shown = {
            number for _ in range(4) for number, _ in (await side.ledger.pick(pick())).picked.uses
        }
    assert shown == {"01089890001"}


async def test_a_dry_run_without_redis_is_never_written_back(own_redis: RedisServer) -> None:
    inventory = inventory_of(4)
    await write_members(own_redis.url, inventory)
    async with shared_ledger(own_redis.url, inventory, seconds=BRIEF) as side:
        await side.ledger.pick(pick())
        own_redis.stop_signal()
        try:
            decision = await side.ledger.pick(replace(pick(), dry_run=True))
            backlog = side.metrics.registry.get_sample_value("callerid_write_back_backlog")
        finally:
            own_redis.continue_signal()
    assert (decision.source, bool(decision.picked.uses)) == ("degraded", True)
    assert not backlog
