"""A process that is asked again under a call answers as it did, whoever else was asked."""

import asyncio
from collections import Counter
from typing import Any

import pytest
import redis

from service.errors import LedgerUnavailable
from service.ledger import failover as failover_module
from service.ledger.port import Operation, Record
from tests.conftest import RedisServer
from tests.faults.held import Held
from tests.ledgers import (
    BRIEF,
    Shared,
    counted,
    inventory_of,
    pick,
    picks_until,
    shared_ledger,
    write_members,
)

INVENTORY = inventory_of(40)


async def asked(side: Shared, call: str = "x") -> str:
    """The number of an answer."""
    decision = await side.ledger.pick(pick(call, "a"))
    ((number, _),) = decision.picked.uses
    return number


async def never(_: object) -> None:
    raise LedgerUnavailable("not yet")


async def settle(shown: Counter[str], *sides: Shared) -> None:
    """Have all write back, and decide by Redis again."""
    for side in sides:
        await picks_until(side, "redis", shown)
    for side in sides:
        await counted(side, INVENTORY)


def lose_record(side: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lose the reply to the call in which a process first writes back the pick under "x"."""
    send, sent = side.shared.send, side.line._send
    records: list[Record] = []
    lost: list[Record] = []

    def sending(operation: Operation) -> asyncio.Future[Any]:
        if isinstance(operation, Record) and operation.call == "x":
            records.append(operation)
        return send(operation)

    async def losing(payload: Any, *, again: bool = True) -> Any:
        is_lost = bool(records) and not lost
        if is_lost:
            lost.extend(records)
        reply = await sent(payload, again=again)
        if is_lost:
            raise redis.ConnectionError("lost on its way back")
        return reply

    monkeypatch.setattr(side.shared, "send", sending)
    monkeypatch.setattr(side.line, "_send", losing)


@pytest.mark.parametrize("are_lost", [False, True])
async def test_two_processes_that_were_alone_keep_to_what_each_has_answered(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch, *, are_lost: bool
) -> None:
    await write_members(own_redis.url, INVENTORY)
    async with (
        shared_ledger(own_redis.url, INVENTORY, process="one", seconds=BRIEF) as one,
        shared_ledger(own_redis.url, INVENTORY, process="two", seconds=BRIEF) as two,
    ):
        for side in (one, two) if are_lost else ():
            lose_record(side, monkeypatch)
        own_redis.stop_signal()
        try:
            shown = Counter([await asked(two, "another")])
            told = [await asked(side) for side in (one, two)]
        finally:
            own_redis.continue_signal()
        assert told[0] != told[1]
        await settle(shown, one, two)
        assert [await asked(side) for side in (one, two)] == told
        (counted_as,) = await counted(one, INVENTORY) - shown
        assert counted_as in told


async def test_what_was_repeated_to_another_process_is_not_undone_for_who_lost_it(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write_members(own_redis.url, INVENTORY)
    async with (
        shared_ledger(own_redis.url, INVENTORY, process="one", seconds=BRIEF) as one,
        shared_ledger(own_redis.url, INVENTORY, process="two", seconds=BRIEF) as two,
    ):
        shown = Counter[str]()
        await picks_until(two, "redis", shown)
        with monkeypatch.context() as patched:
            patched.setattr(one.ledger._write_back, "_write", never)
            with monkeypatch.context() as lossy:
                Held(one, lossy)
                told = [await asked(side) for side in (one, two)]
        assert told[0] != told[1]
        await settle(shown, one, two)
        assert [await asked(side) for side in (one, two)] == told
        assert await counted(one, INVENTORY) == shown + Counter([told[1]])


@pytest.mark.parametrize("first", [0, 1])
async def test_what_two_processes_have_lost_counts_as_one_of_them_has_answered(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    monkeypatch.setattr(failover_module, "CATCH_UP_SECONDS", 0)
    await write_members(own_redis.url, INVENTORY)
    async with (
        shared_ledger(own_redis.url, INVENTORY, process="one", seconds=0.1) as one,
        shared_ledger(own_redis.url, INVENTORY, process="two", seconds=0.1) as two,
    ):
        sides, shown = (one, two), Counter[str]()
        await picks_until(one, "redis", shown)
        await picks_until(two, "redis", shown)
        with monkeypatch.context() as second_waits:
            second_waits.setattr(sides[1 - first].ledger._write_back, "_write", never)
            with monkeypatch.context() as first_waits:
                first_waits.setattr(sides[first].ledger._write_back, "_write", never)
                with monkeypatch.context() as lossy:
                    for side in sides:
                        Held(side, lossy)
                    told = [await asked(side) for side in sides]
            await picks_until(sides[first], "redis", shown)
            await counted(sides[first], INVENTORY)
        await settle(shown, one, two)
        assert [await asked(side) for side in sides] == told
        assert await counted(one, INVENTORY) == shown + Counter([told[1 - first]])


async def test_one_that_is_asked_while_the_first_is_under_way_has_its_answer(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write_members(own_redis.url, INVENTORY)
    async with shared_ledger(own_redis.url, INVENTORY) as side:
        shown = Counter[str]()
        await picks_until(side, "redis", shown)
        with monkeypatch.context() as patched:
            patched.setattr(side.ledger._write_back, "_write", never)
            with monkeypatch.context() as holding:
                held = Held(side, holding)
                first = asyncio.create_task(asked(side))
                await held.applied.wait()
                second = asyncio.create_task(asked(side))
                await asyncio.sleep(0)
                queue = side.shared.queue
                queue._give_up(0, queue._in_flight[0])  # as at its deadline
                number = await first
                held.released.set()
            assert await second == number
            assert await asked(side) == number
        await picks_until(side, "redis", shown)
        assert await asked(side) == number
        shown[number] += 1
        assert await counted(side, INVENTORY) == shown


async def test_a_server_that_lacks_calls_is_told_them_though_the_first_reply_is_lost(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write_members(own_redis.url, INVENTORY)
    async with shared_ledger(own_redis.url, INVENTORY) as side:
        shown = Counter[str]()
        with redis.Redis(port=own_redis.port) as server:
            await picks_until(side, "redis", shown)
            early = {key: server.dump(key) for key in server.scan_iter()}
            told = [await asked(side, f"call-{n}") for n in range(20)]
            server.flushall()
            for key, value in early.items():
                assert isinstance(value, bytes)
                server.restore(key, 0, value)
        with monkeypatch.context() as patched:
            patched.setattr(side.line, "_read", lambda _: 1 / 0)
            await picks_until(side, "degraded", shown)
        assert [await asked(side, f"call-{n}") for n in range(20)] == told
        await picks_until(side, "redis", shown)
        assert [await asked(side, f"call-{n}") for n in range(20)] == told
        assert await counted(side, INVENTORY) == shown + Counter(told)
