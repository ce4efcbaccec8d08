"""Why a callee is refused, and stops, over both ledgers."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest

from service.errors import LedgerUnavailable, OutsideCallingWindow
from service.ledger import CalleeRule, Ledger, LocalLedger, Rules, Stop
from service.ledger.port import DescribeCallee, Record
from service.numbers.callees import Callees
from tests.callees import CALLED, CALLEE, NOW, callees_over
from tests.ledgers import inventory_of, now_ms, pick, shared_ledger, write_members
from tests.waiting import eventually

HOUR = 3_600_000
YEAR = 365 * 24 * HOUR
RULES = Rules(
    callee=(CalleeRule(1, HOUR, by_calendar=False), CalleeRule(3, 24 * HOUR, by_calendar=True)),
    cooldown=2 * HOUR,
    sticky=24 * HOUR,
)


@pytest.fixture(params=["embedded", "redis"])
async def ledger(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[Ledger]:
    inventory = inventory_of(3)
    async with AsyncExitStack() as running:
        if request.param == "embedded":
            local = LocalLedger(now_ms)
            local.replace(inventory)
            yield local
        else:
            await write_members(redis_url, inventory)
            yield (await running.enter_async_context(shared_ledger(redis_url, inventory))).ledger


async def results(callees: Callees, stop: Stop, *numbers: str) -> list[str]:
    return [
        f"{result.number} {result.result}"
        async for some in callees.stop("", numbers, stop)
        for result in some
    ]


async def test_a_callee_is_described_by_its_windows_and_what_it_was_shown(ledger: Ledger) -> None:
    ledger.rule(RULES)
    await ledger.pick(pick(callee=CALLEE))
    now = now_ms()
    callee = await callees_over(ledger, rules=RULES, now=now).describe("", f"+86 {CALLED}")
    assert (callee.number, callee.province, callee.city) == ("138****8888", "云南", "昆明")
    sliding, calendar = callee.windows
    assert (sliding.limit, sliding.window_seconds, sliding.kind) == (1, 3600, "sliding")
    assert (calendar.uses, calendar.kind, calendar.free_at) == (1, "calendar", None)
    (shown,) = callee.shown
    assert shown.number == "01089890000"
    assert callee.refused_until == sliding.free_at == shown.at + timedelta(hours=1)
    assert shown.cooldown_until == shown.at + timedelta(hours=2)
    assert shown.sticky_until == shown.at + timedelta(days=1)
    assert (callee.stop, callee.opens_at) == (None, None)


async def test_a_stop_keeps_its_words_whatever_is_counted_meanwhile(ledger: Ledger) -> None:
    ledger.rule(RULES)
    now = now_ms()
    await ledger.apply(Stop(CALLEE, now + YEAR, "ops", "asked us\nnot to call"))
    for call in range(2):  # as a process without Redis counted it before it heard of the stop
        await ledger.apply(Record((("01089890001", "any"),), now, CALLEE, "g", f"c{call}", "b"))
    assert (await ledger.pick(pick(callee=CALLEE))).picked.refusal == "budget"
    callee = await callees_over(ledger, rules=RULES, now=now).describe("", CALLED)
    assert callee.stop is not None
    assert (callee.stop.by, callee.stop.reason) == ("ops", "asked us\nnot to call")
    assert callee.refused_until == callee.stop.until
    assert [window.uses for window in callee.windows] == [2, 2]


async def test_many_are_stopped_in_their_order_and_let_again(ledger: Ledger) -> None:
    callees, until = callees_over(ledger, now=now_ms()), now_ms() + YEAR
    given = [CALLED, "110", *(f"139{last:08d}" for last in range(100)), CALLED]
    stopped = await results(callees, Stop("", until, reason="complaint"), *given)
    assert stopped[:2] == ["138****8888 stopped", "110 unreadable"]
    assert stopped[2:] == [f"139****{last:04d} stopped" for last in range(100)] + stopped[:1]
    let = await results(callees, Stop("", 0, replaces=True), CALLED, "13700000000", "abc")
    assert let == ["138****8888 let", "137****0000 not_stopped", "abc unreadable"]
    assert (await callees.describe("", CALLED)).stop is None
    assert (await callees.describe("", "13900000099")).stop is not None


async def test_a_list_never_shortens_a_stop_and_an_operator_may(ledger: Ledger) -> None:
    callees, now = callees_over(ledger, now=now_ms()), now_ms()
    await results(callees, Stop("", now + YEAR, "ops", "for long"), CALLED)
    await results(callees, Stop("", now + HOUR, "list", "for short"), CALLED)
    stop = (await callees.describe("", CALLED)).stop
    assert stop is not None
    assert stop.reason == "for long"
    await results(callees, Stop("", now + HOUR, "ops", "for short", replaces=True), CALLED)
    stop = (await callees.describe("", CALLED)).stop
    assert stop is not None
    assert stop.reason == "for short"


async def test_without_rules_picks_say_whom_they_are_for_once_somebody_is_stopped(
    ledger: Ledger,
) -> None:
    before = ledger.has_stops
    await ledger.apply(Stop(CALLEE, now_ms() + YEAR))
    assert (before, ledger.has_stops) == (False, True)
    await ledger.pick(pick(callee="another"))
    answer = await ledger.apply(DescribeCallee(dry_run=True, callee="another"))
    assert answer.uses == ()


async def test_another_process_hears_of_the_first_stop_and_of_its_end(redis_url: str) -> None:
    inventory = inventory_of(1)
    await write_members(redis_url, inventory)
    async with (
        shared_ledger(redis_url, inventory, process="one") as one,
        shared_ledger(redis_url, inventory, process="two") as two,
    ):
        await one.ledger.apply(Stop(CALLEE, now_ms() + YEAR))
        await eventually(lambda: two.ledger.has_stops)
        assert (await two.ledger.pick(pick(callee=CALLEE))).picked.refusal == "budget"
        stops = "callerid:2:{ccc-test}:callee:stops"
        assert await one.client.pttl(stops) > YEAR


async def test_while_redis_is_away_nothing_is_told_and_what_was_done_is_known() -> None:
    async with shared_ledger("redis://127.0.0.1:1", inventory_of(1)) as side:
        callees = callees_over(side.ledger, now=now_ms())
        with pytest.raises(LedgerUnavailable):
            await callees.describe("", CALLED)
        with pytest.raises(LedgerUnavailable):
            await results(callees, Stop("", now_ms() + HOUR), CALLED)


async def test_a_closed_calling_window_is_told() -> None:
    closed = OutsideCallingWindow("2026-01-02T09:00:00+08:00", 60)
    callees = callees_over(LocalLedger(lambda: NOW), closed=closed)
    assert (await callees.describe("", CALLED)).opens_at == "2026-01-02T09:00:00+08:00"


async def test_only_the_last_number_for_the_same_groups_is_sticky() -> None:
    ledger = LocalLedger(lambda: NOW)
    ledger.rule(RULES)
    for second, number in enumerate(("01089890001", "01089890002", "01089890001", "01089890003")):
        groups = "h" if second == 1 else "g"
        await ledger.apply(Record(((number, "any"),), NOW - 9000 + 1000 * second, CALLEE, groups))
    shown = (await callees_over(ledger, rules=RULES).describe("", CALLED)).shown
    at = datetime.fromtimestamp(NOW / 1000, UTC) + timedelta(days=1)
    assert [(number.number, number.sticky_until) for number in shown] == [
        ("01089890003", at - timedelta(seconds=6)),
        ("01089890001", None),
        ("01089890002", at - timedelta(seconds=8)),
    ]
