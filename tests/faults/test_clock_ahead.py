"""What was done by a clock that was days ahead for a moment keeps nobody out once it is right."""

from collections.abc import Sequence
from typing import Any

import pytest

from service.ledger import CalleeRule, Limits, LocalLedger, Rules
from service.ledger.local.caller import Caller
from service.ledger.port import Operation
from service.ledger.record import UNUSED, KnownUse
from service.ledger.shared.line import Line
from service.ledger.shared.wire import CallReply
from tests.ledgers import (
    BASE,
    BASES,
    Shared,
    client_of,
    inventory_of,
    now_ms,
    pick,
    shared_ledger,
    write_members,
)
from tests.waiting import eventually

HOUR, DAY = 3_600_000, 86_400_000
AHEAD = 3 * DAY
INVENTORY = inventory_of(1)
BUDGET = (CalleeRule(1, HOUR, by_calendar=False),)

each_limit = pytest.mark.parametrize(
    "limits",
    [
        Limits(max_per_hour=1),
        Limits(max_per_day=1),
        Limits(max_concurrent=1),
        Limits(rest=HOUR),
    ],
)


def timed(side: Shared, clock: list[int]) -> Any:
    """The calls of a line, by a clock that can be set."""
    call = side.line.call

    async def calling(operations: Sequence[Operation]) -> CallReply:
        return await call(operations, clock[0])

    return calling


@each_limit
async def test_in_redis(redis_url: str, limits: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    await write_members(redis_url, INVENTORY)
    clock = [now_ms() + AHEAD]
    async with shared_ledger(redis_url, INVENTORY) as side:
        monkeypatch.setattr(side.line, "call", timed(side, clock))
        side.ledger.rule(Rules(limits={"": limits}, callee=BUDGET))
        assert (await side.ledger.pick(pick(callee="a"))).picked.uses
        assert await side.ledger.parked_by()
        clock[0] -= AHEAD
        assert not (await side.ledger.pick(pick(callee="b"))).picked.uses
        await eventually(lambda: side.ledger._has_gone_back)
        await side.ledger.take_back()
        again = await side.ledger.pick(pick(callee="a"))
    assert (again.source, len(again.picked.uses)) == ("redis", 1)


@each_limit
async def test_in_this_process(limits: Limits) -> None:
    clock = [now_ms() + AHEAD]
    ledger = LocalLedger(lambda: clock[0])
    ledger.replace(INVENTORY)
    ledger.rule(Rules(limits={"": limits}, callee=BUDGET))
    assert ledger.decide(pick(callee="a")).picked.uses
    assert ledger.parked()
    clock[0] -= AHEAD
    assert not ledger.decide(pick(callee="b")).picked.uses
    await ledger.take_back()
    assert ledger.decide(pick(callee="a")).picked.uses


def test_a_record_of_before_is_believed_where_it_is_more_than_a_day_older() -> None:
    now = now_ms()
    caller = Caller(0)
    caller.adopt(KnownUse(last=now + AHEAD, hour=now + AHEAD, day=now + AHEAD, in_day=9))
    caller.adopt(KnownUse(last=now, hour=now, day=now, in_hour=1, in_day=2))
    assert (caller.last, caller.in_hour, caller.in_day) == (now, 1, 2)
    caller.adopt(UNUSED)  # of a wiped Redis: it knows nothing
    assert caller.before.in_day == 2


async def test_a_process_is_remembered_for_a_day_from_then(redis_url: str) -> None:
    await write_members(redis_url, INVENTORY)
    now = now_ms()
    async with client_of(redis_url, 5) as client:
        line = Line(client, BASES, "one", 5)
        for instant in (now + AHEAD, now, now + 1):
            await line.call([pick()], instant)
        expires = await client.hget(f"{BASE}process:one", "expires")
        await line.close()
    assert now < int(expires or 0) <= now + 1 + DAY
