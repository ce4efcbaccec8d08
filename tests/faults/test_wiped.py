"""A wiped Redis gets the day back, and what nobody can have written there is set right."""

import struct
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from itertools import product
from math import inf

import msgspec
import pytest
import redis

from service.errors import LedgerUnavailable, LedgerWiped
from service.inventory import Inventory
from service.ledger import Cap, Limits, MembersWriter, Outcome, Park, Rules, Unpark, describe
from service.ledger.answers import picked_from
from service.ledger.record import UNUSED, KnownUse
from service.ledger.shared.line import Line
from service.ledger.shared.membership import Slice
from tests.conftest import RedisServer
from tests.fakes import in_place_of
from tests.faults.held import Held
from tests.ledgers import (
    BASE,
    BASES,
    BRIEF,
    Shared,
    client_of,
    counted,
    inventory_of,
    pick,
    picks_until,
    shared_ledger,
    write_members,
)
from tests.waiting import LONG, eventually

HOUR = 3_600_000
FAR = 2**42
RULES = Rules(limits={"": Limits(max_per_day=1000, max_concurrent=50)}, remembered=HOUR)

pytestmark = pytest.mark.usefixtures("_keeping_up_often")


async def restore(url: str, inventory: Inventory, leader: Shared) -> None:
    """Write the members anew, with what one process knows, as the leader of the sweep does."""
    async with client_of(url, 5) as client:
        known = leader.ledger.recall()
        assert known is not None
        await MembersWriter(client, BASE).write(inventory, 2, "another life", known)


def recalled(side: Shared, number: str) -> KnownUse:
    recall = side.ledger.recall()
    known = None if recall is None else recall(number)
    return UNUSED if known is None else known[0]


async def picked(side: Shared, times: int, shown: Counter[str], name: str) -> None:
    for n in range(times):
        decision = await side.ledger.pick(pick(f"{name}-{n}"))
        shown.update(number for number, _ in decision.picked.uses)


async def test_the_counts_of_all_processes_come_back_each_use_once(own_redis: RedisServer) -> None:
    inventory, shown = inventory_of(7), Counter[str]()
    await write_members(own_redis.url, inventory)
    async with (
        shared_ledger(own_redis.url, inventory, process="one") as one,
        shared_ledger(own_redis.url, inventory, process="two") as two,
    ):
        for side in (one, two):
            side.ledger.rule(RULES)
        await picked(one, 50, shown, "early")
        await picked(two, 50, shown, "early-too")
        await eventually(one.ledger.recall)
        await picked(one, 30, shown, "late")
        await picked(two, 30, shown, "late-too")
        with redis.Redis(port=own_redis.port) as server:
            server.flushall()
        await picked(one, 10, shown, "meanwhile")
        await restore(own_redis.url, inventory, one)
        await picks_until(two, "redis", shown)
        await picks_until(one, "redis", shown)
        await counted(two, inventory)
        assert await counted(one, inventory) == shown


async def test_what_was_corrected_before_a_wipe_comes_back_corrected(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    inventory, shown = inventory_of(7), Counter[str]()
    await write_members(own_redis.url, inventory)
    async with shared_ledger(own_redis.url, inventory, process="one", seconds=BRIEF) as one:
        one.ledger.rule(RULES)
        await picked(one, 10, shown, "early")
        await eventually(one.ledger.recall)
        with monkeypatch.context() as patched:
            Held(one, patched)
            await picked(one, 1, shown, "lost")
        await picks_until(one, "redis", shown)
        assert await counted(one, inventory) == shown
        with redis.Redis(port=own_redis.port) as server:
            server.flushall()
        await restore(own_redis.url, inventory, one)
        await picks_until(one, "redis", shown)
        assert await counted(one, inventory) == shown
    sample = one.metrics.registry.get_sample_value
    assert sample("callerid_write_backs_total", {"result": "corrected"}) == 1


async def test_parks_leases_and_the_order_of_rotation_come_back(own_redis: RedisServer) -> None:
    inventory, shown = inventory_of(4), Counter[str]()
    await write_members(own_redis.url, inventory)
    async with shared_ledger(own_redis.url, inventory) as side:
        side.ledger.rule(RULES)
        await picked(side, 3, shown, "before")
        await side.ledger.apply(Park("01089890003", "operator", FAR))
        await side.ledger.apply(Cap("01089890000", 2))
        await eventually(lambda: "01089890003" in side.ledger.parked())
        await eventually(lambda: recalled(side, "01089890000").cap == 2)
        with redis.Redis(port=own_redis.port) as server:
            server.flushall()
        await restore(own_redis.url, inventory, side)
        standings = await describe(in_place_of(side.shared), tuple(inventory.numbers))
        assert [(one.used_day, one.leases, one.parks) for one in standings] == [
            (1, 1, ()),
            (1, 1, ()),
            (1, 1, ()),
            (0, 0, (("operator", FAR),)),
        ]
        assert len({one.max_per_day for one in standings}) == 1  # whose cap it was is lost too
        assert await side.ledger.parked_by() == {"operator": 1}
        with suppress(LedgerUnavailable):  # the first to hear what Redis lacks
            await side.shared.take_back()
        await counted(side, inventory)
        await picked(side, 3, after := Counter[str](), "after")
        assert list(after) == ["01089890000", "01089890001", "01089890002"]
        followed = await side.ledger.apply(Outcome("after-0", "", "", final=True))
        assert followed.state == "followed"


def unreadable(side: Shared) -> float:
    sample = side.metrics.registry.get_sample_value("callerid_ledger_unreadable_total")
    return sample or 0.0


def spoilt(record: bytes, at: int, value: bytes) -> bytes:
    return record[:at] + value + record[at + len(value) :]


NAN, INFINITE = b"\x00\x00\x00\x00\x00\x00\xf8\x7f", b"\x00\x00\x00\x00\x00\x00\xf0\x7f"
FIRST = b"01089890000"

Spoil = Callable[[redis.Redis, bytes], object]

POISON: dict[str, Spoil] = {
    "a record that is too short": lambda server, _: server.hset(f"{BASE}numbers", FIRST, b"x"),
    "a record that is empty": lambda server, _: server.hset(f"{BASE}numbers", FIRST, b""),
    "a turn that is no number": lambda server, record: server.hset(
        f"{BASE}numbers", FIRST, spoilt(record, 12, NAN)
    ),
    "an endless instant": lambda server, record: server.hset(
        f"{BASE}numbers", FIRST, spoilt(record, 20, INFINITE)
    ),
    "leases that are cut off": lambda server, record: server.hset(
        f"{BASE}numbers", FIRST, record[:60] + b"\x07\x00abc"
    ),
    "a lease that ended before all time": lambda server, record: server.hset(
        f"{BASE}numbers", FIRST, record[:60] + struct.pack("<Hdd", 1, 1, -1)
    ),
    "a cap that is garbage": lambda server, record: server.hset(
        f"{BASE}numbers", FIRST, record[:60] + b"\x00\x00\xc1\xc1"
    ),
    "a region that is avoided for ever": lambda server, record: server.hset(
        f"{BASE}numbers", FIRST, record[:60] + b"\x00\x00" + msgspec.msgpack.encode((0, {"x": inf}))
    ),
    "a home that is unknown": lambda server, record: server.hset(
        f"{BASE}numbers", FIRST, spoilt(record, 0, b"no such home")
    ),
    "an endless now": lambda server, _: server.hset(f"{BASE}state", "now", "inf"),
    "a now of another age": lambda server, _: server.hset(f"{BASE}state", "now", "9" * 15),
    "a now that is text": lambda server, _: server.hset(f"{BASE}state", "now", "soon"),
    "a turn that is text": lambda server, _: server.hset(f"{BASE}state", "turn", "mine"),
    "a generation that is text": lambda server, _: server.hset(f"{BASE}state", "generation", "x"),
    "homes that are garbage": lambda server, _: server.hset(
        f"{BASE}homes", mapping=dict.fromkeys(server.hkeys(f"{BASE}homes"), b"no line")
    ),
    "homes of another type": lambda server, _: (
        server.delete(f"{BASE}homes"),
        server.set(f"{BASE}homes", "x"),
    ),
    "numbers of another type": lambda server, _: (
        server.delete(f"{BASE}numbers"),
        server.set(f"{BASE}numbers", "x"),
    ),
    "a state of another type": lambda server, _: (
        server.delete(f"{BASE}state"),
        server.rpush(f"{BASE}state", "x"),
    ),
    "what was restored, of another type": lambda server, _: (
        server.rpush(f"{BASE}restored", "x"),
        server.delete(f"{BASE}homes"),
        server.set(f"{BASE}homes", "x"),
    ),
    "parks that are garbage": lambda server, _: server.hset(f"{BASE}parks", FIRST, b"\xc1"),
    "a process that is garbage": lambda server, _: server.hset(
        f"{BASE}process:one", mapping={"number": "last", "expires": "nan"}
    ),
    "a process of another type": lambda server, _: (
        server.delete(f"{BASE}process:one"),
        server.set(f"{BASE}process:one", "x"),
    ),
}
SOME_POISON = (
    "a record that is too short",
    "a home that is unknown",
    "a turn that is text",
    "homes of another type",
    "numbers of another type",
    "a state of another type",
    "a process of another type",
)


def forget(server: RedisServer) -> None:
    """Have the next call read all anew, as it does when a second is over."""
    with redis.Redis(port=server.port) as client, suppress(redis.ResponseError):
        client.hdel(f"{BASE}state", "mark")


# What a function keeps of the ledger serves for a second, and is written over what was spoilt.
@pytest.mark.parametrize(
    ("poison", "is_kept"), [*product(POISON, [False]), *product(SOME_POISON, [True])]
)
async def test_a_value_that_cannot_be_read_is_set_right_and_counted(
    own_redis: RedisServer, poison: str, *, is_kept: bool
) -> None:
    inventory, shown = inventory_of(4), Counter[str]()
    await write_members(own_redis.url, inventory)
    async with shared_ledger(own_redis.url, inventory) as side:
        side.ledger.rule(RULES)
        await picked(side, 12, shown, "before")
        await eventually(side.ledger.recall)
        await picked(side, 1, shown, "last")
        with redis.Redis(port=own_redis.port) as server:
            record = server.hget(f"{BASE}numbers", FIRST)
            assert isinstance(record, bytes)
            POISON[poison](server, record)
        if not is_kept:
            forget(own_redis)
        side.notices.clear()
        await picked(side, 4, shown, "poisoned")
        if is_kept:
            forget(own_redis)
            await picked(side, 4, shown, "later")
        elif poison != "parks that are garbage":
            await eventually(lambda: unreadable(side) or 0 in side.notices)
        if 0 in side.notices:
            await restore(own_redis.url, inventory, side)
        side.notices.clear()
        await picked(side, 8, shown, "mended")
        await picks_until(side, "redis", shown)
        assert 0 not in side.notices
        assert await counted(side, inventory) == shown
        assert set(shown) == set(inventory.numbers)


async def test_a_ledger_that_lost_a_part_takes_nothing_before_all_of_it_is_written_anew(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    inventory = inventory_of(4)
    await write_members(own_redis.url, inventory)
    async with shared_ledger(own_redis.url, inventory) as side:
        await picked(side, 4, Counter(), "before")
        await eventually(side.ledger.recall)
        with redis.Redis(port=own_redis.port) as server:
            POISON["numbers of another type"](server, b"")
        line, run = Line(side.client, BASES, "another", LONG), MembersWriter._run

        async def run_and_ask(writer: MembersWriter, fence: int, some: Slice) -> None:
            await run(writer, fence, some)
            if not some.commit:
                with pytest.raises(LedgerWiped):
                    await line.call([pick()])

        monkeypatch.setattr(MembersWriter, "_run", run_and_ask)
        await restore(own_redis.url, inventory, side)
        assert picked_from((await line.call([pick()])).answers[0]).uses
        await line.close()


async def test_what_is_remembered_of_a_call_or_a_callee_and_cannot_be_read_is_forgotten(
    own_redis: RedisServer,
) -> None:
    inventory = inventory_of(4)
    await write_members(own_redis.url, inventory)
    async with shared_ledger(own_redis.url, inventory) as side:
        side.ledger.rule(msgspec.structs.replace(RULES, cooldown=HOUR))
        with redis.Redis(port=own_redis.port) as server:
            for n, garbage in enumerate((b"", b"x", b"\xff\x00" + NAN, b"\xff" * 40)):
                server.set(f"{BASE}call:call-{n}", garbage, ex=60)
                server.set(f"callerid:2:{{ccc-test}}:callee:callee-{n}", garbage, ex=60)
        for n in range(4):
            asked = msgspec.structs.replace(pick(f"call-{n}"), callee=f"callee-{n}")
            decision = await side.ledger.pick(asked)
            assert (decision.source, len(decision.picked.uses)) == ("redis", 1)
            assert (await side.ledger.pick(asked)).picked.uses == decision.picked.uses
        assert unreadable(side) == 8


async def test_a_count_of_parks_that_is_no_number_begins_anew(own_redis: RedisServer) -> None:
    inventory = inventory_of(4)
    await write_members(own_redis.url, inventory)
    async with shared_ledger(own_redis.url, inventory) as side:
        with redis.Redis(port=own_redis.port) as server:
            server.hset(f"{BASE}parked_by", "operator", "many")
        assert await side.ledger.parked_by() == {}
        await side.ledger.apply(Park("01089890000", "operator", FAR))
        assert await side.ledger.parked_by() == {"operator": 1}


@pytest.mark.parametrize("lost", ["one record", "all records"])
@pytest.mark.parametrize("known", [None, {"operator": FAR}], ids=["unknown", "known"])
async def test_a_park_outlives_its_number_s_record_and_is_counted_once(
    own_redis: RedisServer, known: dict[str, int] | None, lost: str
) -> None:
    number, inventory = FIRST.decode(), inventory_of(3)
    recall = {number: (UNUSED, known)} if known else {}
    await write_members(own_redis.url, inventory)
    async with client_of(own_redis.url, 5) as client:
        line = Line(client, BASES, "one", LONG)
        await line.call([Park(number, "operator", FAR)])
        if lost == "one record":
            await client.hset(f"{BASE}numbers", FIRST, "x")
        else:
            await client.set(f"{BASE}numbers", "x")
        writer = MembersWriter(client, BASE)
        await writer.write(inventory, 2, "another life", recall.get)
        counts = [await client.hgetall(f"{BASE}parked_{by}") for by in ("by", "in")]
        (answer,) = (await line.call([Unpark(number, "operator")])).answers
        left = [await client.hgetall(f"{BASE}parked_{by}") for by in ("by", "in")]
        assert await client.zcard(f"{BASE}parked") == await client.hlen(f"{BASE}parks") == 0
        await line.close()
    assert answer is True
    each = [{int(count) for count in some.values()} for some in counts + left]
    assert each == [{1}, {1}, {0}, {0}]
