"""The duties of a ledger are killed one by one, over and over, under picks that go on."""

import asyncio
from collections import Counter
from collections.abc import Generator

import pytest
import redis

from service import tasks
from service.ledger import write_back
from service.ledger.answers import Picked
from service.ledger.write_back import Degraded
from tests.conftest import RedisServer
from tests.faults.held import Held
from tests.ledgers import (
    BRIEF,
    ONE,
    Shared,
    counted,
    inventory_of,
    now_ms,
    pick,
    picks_until,
    shared_ledger,
    write_members,
)
from tests.waiting import eventually

DUTIES = [
    "ledger-calls",
    "ledger-heartbeat",
    "ledger-write-back",
    "ledger-presence",
    "ledger-keep-up",
]
KILLS = 10


@pytest.fixture(autouse=True)
def _restart_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "LONGEST_PAUSE", tasks.SHORTEST_PAUSE)


async def kill(name: str) -> None:
    """End the task of a duty, once there is one."""

    def running() -> list[asyncio.Task[object]]:
        return [task for task in asyncio.all_tasks() if task.get_name() == name]

    await eventually(running)
    (task,) = running()
    task.cancel()
    await asyncio.wait([task])


async def picking(side: Shared, shown: Counter[str], until: asyncio.Event) -> None:
    """Pick without a pause between two picks; each must be answered with a number."""
    while not until.is_set():
        decision = await side.ledger.pick(ONE)
        assert decision.source in {"redis", "degraded"}
        ((number, _),) = decision.picked.uses
        shown[number] += 1
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("name", DUTIES)
async def test_a_duty_may_die_ten_times_while_every_pick_is_answered_and_counted_once(
    own_redis: RedisServer, name: str
) -> None:
    inventory, shown, is_over = inventory_of(7), Counter[str](), asyncio.Event()
    await write_members(own_redis.url, inventory)
    async with shared_ledger(own_redis.url, inventory) as side:
        picks = [asyncio.create_task(picking(side, shown, is_over)) for _ in range(4)]
        for _ in range(KILLS):
            await kill(name)
        is_over.set()
        await asyncio.gather(*picks)
        await picks_until(side, "redis", shown)
        restarts = side.metrics.registry.get_sample_value(
            "callerid_task_restarts_total", {"task": name}
        )
        assert restarts == KILLS
        assert await counted(side, inventory) == shown


async def test_what_was_taken_out_to_be_written_is_put_back_when_its_task_ends(
    own_redis: RedisServer,
) -> None:
    inventory, shown = inventory_of(7), Counter[str]()
    await write_members(own_redis.url, inventory)
    async with shared_ledger(own_redis.url, inventory, seconds=BRIEF) as side:
        own_redis.stop_signal()
        try:
            for _ in range(40):
                await picks_until(side, "degraded", shown)
            await kill("ledger-write-back")
        finally:
            own_redis.continue_signal()
        for _ in range(KILLS - 1):
            await kill("ledger-write-back")
        assert await counted(side, inventory) == shown


async def test_a_call_whose_task_ends_in_mid_flight_is_lost_and_asked_for(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    inventory, shown = inventory_of(7), Counter[str]()
    await write_members(own_redis.url, inventory)
    async with shared_ledger(own_redis.url, inventory) as side:
        await picks_until(side, "redis", shown)
        with monkeypatch.context() as patched:
            held = Held(side, patched)
            asked = asyncio.create_task(picks_until(side, "degraded", shown))
            await held.applied.wait()
            await kill("ledger-calls")
            await asked
        assert await counted(side, inventory) == shown


async def test_picks_go_on_and_nothing_is_lost_while_what_a_wipe_took_is_taken_in(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_go_on = asyncio.Event()

    async def held_after_each(work: Generator[None, None, None]) -> None:
        for _ in work:
            await may_go_on.wait()

    monkeypatch.setattr(write_back, "in_slices", held_after_each)
    inventory, shown = inventory_of(7), Counter[str]()
    await write_members(own_redis.url, inventory)
    async with shared_ledger(own_redis.url, inventory) as side:
        for _ in range(40):
            await picks_until(side, "redis", shown)
        with redis.Redis(port=own_redis.port) as server:
            server.flushall()
        await write_members(own_redis.url, inventory)
        await picks_until(side, "degraded", shown)
        for n in range(KILLS):
            decision = await side.ledger.pick(pick(f"another-{n}"))
            assert decision.source == "degraded"
            shown.update(number for number, _ in decision.picked.uses)
            await kill("ledger-write-back")
        may_go_on.set()
        assert await counted(side, inventory) == shown


async def test_what_was_being_written_when_its_task_ended_is_not_written_twice(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    inventory, shown = inventory_of(7), Counter[str]()
    await write_members(own_redis.url, inventory)
    async with shared_ledger(own_redis.url, inventory) as side:
        await picks_until(side, "redis", shown)
        picked = Picked((("01089890000", "any"),))
        side.ledger._write_back.keep(Degraded(pick(), picked, now_ms()), None)
        shown["01089890000"] += 1
        with monkeypatch.context() as patched:
            held = Held(side, patched)
            await held.applied.wait()
            await kill("ledger-write-back")
            held.released.set()
        assert await counted(side, inventory) == shown


async def test_no_reply_of_any_shape_ends_a_duty_or_holds_up_a_pick(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    inventory, shown = inventory_of(7), Counter[str]()
    await write_members(own_redis.url, inventory)
    async with shared_ledger(own_redis.url, inventory) as side:
        await picks_until(side, "redis", shown)
        with monkeypatch.context() as patched:
            patched.setattr(side.line, "_read", lambda _: 1 / 0)
            for _ in range(5):
                await picks_until(side, "degraded", shown)
        await picks_until(side, "redis", shown)
        assert await counted(side, inventory) == shown
        assert not side.metrics.registry.get_sample_value(
            "callerid_task_restarts_total", {"task": "ledger-calls"}
        )
