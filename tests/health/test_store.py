"""The records in Redis and in this process: alike, added to once, replaced only if unchanged."""

from random import Random
from typing import Any

import pytest
from redis.asyncio import Redis

from service.errors import LedgerUnavailable
from service.health import MemoryStore, RedisStore
from service.health.rates import Comparison, Tally
from service.health.rules import PROBATION, HealthRecord
from service.health.store import FIELDS, SLICE, Change, Counted, HealthBatch, Store, decode, encode
from service.health.strata import Calls
from service.redis_.client import open_client
from tests.health.watching import BASE

FULL = HealthRecord(
    tallies=(Tally(498_672, 1, 2, "g", "SC"),),
    state=PROBATION,
    stage=1,
    relapses=2,
    until=1_795_219_200_123,
    settled=Comparison(3.25, 17.0, 5.5, 0.125, -0.75),
    settled_hour=498_670,
    reason="probation_2: 真的",
    untold=True,
    score=5.25,
    hours=4,
)


@pytest.fixture(params=["redis", "memory"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "memory":
        return MemoryStore()
    return RedisStore(request.getfixturevalue("redis"), BASE, "process-1")


async def records_of(store: Store) -> dict[str, HealthRecord | None]:
    return {number: decode(stored) for number, stored in (await store.read_all()).items()}


async def test_calls_are_added_by_number_and_hour(store: Store) -> None:
    await store.add(
        HealthBatch(
            1,
            (
                Counted("a", 7, 1, 2, "g", "SC"),
                Counted("a", 8, 0, 1, "g", "SC"),
                Counted("b", 8, 1, 1, "g", "SC"),
            ),
        )
    )
    await store.add(HealthBatch(2, (Counted("a", 8, 3, 4, "g", "SC"),)))
    assert await records_of(store) == {
        "a": HealthRecord(tallies=(Tally(7, 1, 2, "g", "SC"), Tally(8, 3, 5, "g", "SC"))),
        "b": HealthRecord(tallies=(Tally(8, 1, 1, "g", "SC"),)),
    }


async def test_adding_to_a_record_leaves_the_rest_of_it_as_it_was(store: Store) -> None:
    await store.add(HealthBatch(1, (Counted("a", 498_672, 1, 2, "g", "SC"),)))
    before = (await store.read_all())["a"]
    assert await store.replace([Change("a", before, encode(FULL))]) == [True]
    await store.add(HealthBatch(2, (Counted("a", 498_673, 0, 1, "g", "SC"),)))
    (after,) = (await records_of(store)).values()
    assert after == HealthRecord(
        (*FULL.tallies, Tally(498_673, 0, 1, "g", "SC")), *list(fields_of(FULL))[1:]
    )


def fields_of(record: HealthRecord) -> tuple[Any, ...]:
    return tuple(getattr(record, name) for name in record.__struct_fields__)


async def test_a_record_that_has_changed_meanwhile_is_not_replaced(store: Store) -> None:
    await store.add(
        HealthBatch(1, (Counted("a", 7, 1, 2, "g", "SC"), Counted("b", 7, 1, 2, "g", "SC")))
    )
    read = await store.read_all()
    await store.add(HealthBatch(2, (Counted("a", 7, 0, 1, "g", "SC"),)))
    changes = [Change(number, read[number], b"") for number in ("a", "b", "c") if number in read]
    assert await store.replace([*changes, Change("c", b"x", b"y")]) == [False, True, False]
    assert await records_of(store) == {"a": HealthRecord(tallies=(Tally(7, 1, 3, "g", "SC"),))}


async def test_records_are_read_by_number_and_nothing_is_asked_for_nobody(store: Store) -> None:
    await store.add(HealthBatch(1, (Counted("a", 7, 1, 2, "g", "SC"),)))
    assert await store.read(["a", "b"]) == await store.read_all()
    assert await store.read([]) == {}
    assert await store.replace([]) == []


async def test_many_records_are_read_in_slices(redis: Redis) -> None:
    store = RedisStore(redis, BASE, "process-1")
    await store.add(
        HealthBatch(1, tuple(Counted(f"n{n}", 7, 1, 2, "g", "SC") for n in range(1000)))
    )
    await redis.config_resetstat()
    assert len(await store.read_all()) == 1000
    assert (await redis.info("commandstats"))["cmdstat_hscan"]["calls"] >= 1000 / SLICE / 2


async def test_both_stores_hold_the_same_after_the_same_calls(redis: Redis) -> None:
    randomness = Random(7)
    stores: list[Store] = [MemoryStore(), RedisStore(redis, BASE, "process-1")]
    for serial in range(1, 60):
        counted = tuple(
            Counted(
                f"n{randomness.randrange(200)}",
                100 + randomness.randrange(4),
                1,
                2,
                randomness.choice("gh"),
                randomness.choice(["SC", "XJ"]),
            )
            for _ in range(20)
        )
        for store in stores:
            await store.add(HealthBatch(serial, counted))
    one, other = [await records_of(store) for store in stores]
    assert len(one) > 190
    assert one == other


async def test_a_batch_sent_again_counts_once(redis: Redis) -> None:
    store, batch = (
        RedisStore(redis, BASE, "process-1"),
        HealthBatch(1, (Counted("a", 7, 1, 2, "g", "SC"),)),
    )
    for _ in range(3):
        await store.add(batch)
    await RedisStore(redis, BASE, "process-2").add(batch)
    assert await records_of(store) == {"a": HealthRecord(tallies=(Tally(7, 2, 4, "g", "SC"),))}


async def test_what_is_no_record_is_started_anew(redis: Redis) -> None:
    store = RedisStore(redis, BASE, "process-1")
    garbage: dict[Any, Any] = {
        b"a": b"\xc1",
        b"b": b"\x93\x01\x02\x03",
        b"c": b"",
        b"d": b"\x91\x91\x07",
        b"e": b"\x91\x91\x93\x07\xc0\xc0",
    }
    await redis.hset(f"{BASE}health", mapping=garbage)
    assert [decode(stored) for stored in garbage.values()] == [None] * 5
    batch = HealthBatch(1, tuple(Counted(number, 7, 1, 2, "g", "SC") for number in "abcde"))
    await store.add(batch)
    assert set((await records_of(store)).values()) == {
        HealthRecord(tallies=(Tally(7, 1, 2, "g", "SC"),))
    }


async def calls_of(store: Store, *days: int) -> Calls:
    calls = Calls()
    for day in days:
        await store.add_calls(day, calls)
    return calls


async def test_the_calls_of_a_day_are_summed_over_all_numbers(store: Store) -> None:
    await store.add(
        HealthBatch(
            1,
            (
                Counted("a", 24, 1, 2, "g", "SC"),
                Counted("b", 27, 2, 5, "g", "SC"),
                Counted("b", 28, 0, 1, "g", "XJ"),
                Counted("a", 48, 1, 1, "h", "SC"),
            ),
        )
    )
    first = await calls_of(store, 1)
    assert first.strata == {("g", "SC", 0): (3, 7), ("g", "XJ", 1): (0, 1)}
    assert first.hours == {("g", 0): (1, 2), ("g", 3): (2, 5), ("g", 4): (0, 1)}
    assert (await calls_of(store, 1, 2)).groups == {"g": (3, 8), "h": (1, 1)}


async def test_days_that_are_no_longer_compared_with_are_let_go() -> None:
    store = MemoryStore()
    for day in (1, 15, 16):
        await store.add(HealthBatch(1, (Counted("a", 24 * day, 1, 2, "g", "SC"),)))
    assert (await calls_of(store, 1)).groups == {}
    assert (await calls_of(store, 15, 16)).groups == {"g": (2, 4)}


async def test_many_strata_are_read_in_slices_and_once(redis: Redis) -> None:
    store = RedisStore(redis, BASE, "process-1")
    batch = tuple(Counted(f"n{n}", 24, 1, 2, f"group {n}", "SC") for n in range(1000))
    await store.add(HealthBatch(1, batch))
    await redis.config_resetstat()
    calls = await calls_of(store, 1)
    assert len(calls.strata) == len(calls.hours) == 1000
    assert set(calls.groups.values()) == {(1, 2)}
    assert (await redis.info("commandstats"))["cmdstat_hscan"]["calls"] >= 2000 / FIELDS / 2


async def test_what_is_no_count_is_passed_over_and_counted_anew(redis: Redis) -> None:
    store = RedisStore(redis, BASE, "process-1")
    garbage: dict[Any, Any] = {
        b"0 SC g": b"\xc1",
        b"xh g": b"\x92\x01\x02",
        b"0": b"",
        b"\xff": b"1",
    }
    await redis.hset(f"{BASE}health:calls:1", mapping=garbage)
    assert (await calls_of(store, 1)).groups == {}
    await store.add(HealthBatch(1, (Counted("a", 24, 1, 2, "g", "SC"),)))
    assert (await calls_of(store, 1)).strata == {("g", "SC", 0): (1, 2)}


async def test_tallies_of_before_strata_stay_as_they_are(redis: Redis) -> None:
    store = RedisStore(redis, BASE, "process-1")
    await redis.hset(f"{BASE}health", "a", encode([[[7, 1, 2]]]))
    await store.add(HealthBatch(1, (Counted("a", 7, 0, 1, "g", "SC"),)))
    tallies = (Tally(7, 1, 2), Tally(7, 0, 1, "g", "SC"))
    assert await records_of(store) == {"a": HealthRecord(tallies)}


async def test_a_value_of_another_type_is_started_anew(redis: Redis) -> None:
    store = RedisStore(redis, BASE, "process-1")
    for key in ("health", "health:applied:process-1", "health:lead"):
        await redis.rpush(f"{BASE}{key}", "x")
    await store.add(HealthBatch(1, (Counted("a", 7, 1, 2, "g", "SC"),)))
    assert await records_of(store) == {"a": HealthRecord(tallies=(Tally(7, 1, 2, "g", "SC"),))}
    assert [await store.lead() for _ in range(3)] == [True, False, False]


async def test_a_past_day_of_another_type_is_a_day_without_calls(redis: Redis) -> None:
    store = RedisStore(redis, BASE, "process-1")
    await redis.rpush(f"{BASE}health:calls:1", "x")
    assert (await calls_of(store, 1)).groups == {}
    assert not await redis.exists(f"{BASE}health:calls:1")


async def test_one_replica_leads_until_its_time_is_over(redis: Redis) -> None:
    one, other = RedisStore(redis, BASE, "process-1"), RedisStore(redis, BASE, "process-2")
    assert [await one.lead(), await other.lead(), await one.lead()] == [True, False, False]
    assert 0 < await redis.pttl(f"{BASE}health:lead") < 60_000
    await redis.delete(f"{BASE}health:lead")
    assert await other.lead()
    assert await MemoryStore().lead()


async def test_a_lead_that_a_clock_set_back_prolongs_is_over(redis: Redis) -> None:
    store = RedisStore(redis, BASE, "process-1")
    assert [await store.lead(), await store.lead()] == [True, False]
    await redis.pexpire(f"{BASE}health:lead", 3_600_000)
    assert [await store.lead(), await store.lead()] == [True, False]


async def test_only_the_records_stay_without_an_expiry(redis: Redis) -> None:
    store = RedisStore(redis, BASE, "process-1")
    await store.add(HealthBatch(1, (Counted("a", 7, 1, 2, "g", "SC"),)))
    await store.lead()
    keys = await redis.keys("*")
    assert {key for key in keys if await redis.pttl(key) == -1} == {f"{BASE}health".encode()}
    assert len(keys) == 4


async def test_without_redis_every_call_says_so() -> None:
    async with open_client("redis://127.0.0.1:1/0", timeout=0.2) as client:
        store = RedisStore(client, BASE, "process-1")
        for asked in (
            store.add(HealthBatch(1, ())),
            store.read_all(),
            store.add_calls(1, Calls()),
            store.read(["a"]),
            store.replace([Change("a", b"", b"")]),
            store.lead(),
        ):
            with pytest.raises(LedgerUnavailable):
                await asked
