"""The watch at work: noted, written, judged, told to the ledger, and shown."""

import asyncio
import logging
import math

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from service.errors import LedgerUnavailable
from service.health import MemoryStore, RedisStore, watch
from service.health.rules import DAY, HEALTHY, PROBATION, QUARANTINED
from service.health.store import HealthBatch, Store, decode
from service.inventory import Inventory, Mark
from service.ledger.port import Cap, Park, Unpark
from service.redis_.client import open_client
from tests.conftest import RedisServer
from tests.health.watching import (
    BAD,
    BASE,
    NUMBERS,
    PEERS,
    Clock,
    RecordingLedger,
    Replica,
    inventory_of,
    used_by,
)
from tests.waiting import eventually


class LostReplies(MemoryStore):
    """Applies a batch and loses the reply, as often as it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.to_lose = 0
        self.batches: list[HealthBatch] = []

    async def add(self, batch: HealthBatch) -> None:
        self.batches.append(batch)
        if self.to_lose:
            self.to_lose -= 1
            raise LedgerUnavailable("the reply was lost")
        await super().add(batch)


class DeafStore(MemoryStore):
    """Loses a cancellation, as redis-py may on Python 3.11."""

    def __init__(self) -> None:
        super().__init__()
        self.is_adding = asyncio.Event()
        self.was_cancelled = False

    async def add(self, batch: HealthBatch) -> None:
        self.is_adding.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.was_cancelled = True


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger() -> RecordingLedger:
    return RecordingLedger()


@pytest.fixture(params=["redis", "memory"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "memory":
        return MemoryStore()
    return RedisStore(request.getfixturevalue("redis"), BASE, "process-1")


async def look(replica: Replica, redis: Redis | None = None) -> None:
    """Write and look, whoever looked a moment ago."""
    if redis is not None:
        await redis.delete(f"{BASE}health:lead")
    await replica.health.write()
    await replica.health.look()


async def state_of(store: Store, number: str) -> str:
    (stored,) = (await store.read([number])).values()
    record = decode(stored) if stored else None
    return record.state if record else "unknown"


async def test_a_bad_number_is_parked_capped_counted_and_shown(
    store: Store, clock: Clock, ledger: RecordingLedger, caplog: pytest.LogCaptureFixture
) -> None:
    replica = Replica(store, clock, ledger)
    replica.note_a_bad_one()
    await look(replica)
    until = int(clock.now * 1000) + 7 * DAY
    assert ledger.told == [Cap(BAD, 10), Park(BAD, "quarantine", until)]
    assert replica.counted("quarantined") == 1
    shown = await replica.health.shown(NUMBERS)
    assert list(shown) == [BAD]
    assert shown[BAD].startswith("quarantined: answered 10 of 100 calls, 40 expected")
    assert "010****0000 goes from healthy to quarantined: answered 10 of 100" in caplog.text
    assert BAD not in caplog.text


async def test_a_lift_that_overtakes_a_park_is_the_ledgers_last_word(
    store: Store, clock: Clock, ledger: RecordingLedger
) -> None:
    replica = Replica(store, clock, ledger)
    replica.note_a_bad_one()
    apply = ledger.apply

    async def lifted_meanwhile(operation: Cap | Park) -> bool:
        if isinstance(operation, Park):
            ledger.apply = apply  # type: ignore[method-assign]
            assert await replica.health.lift([BAD]) == {BAD}
        return await apply(operation)

    ledger.apply = lifted_meanwhile  # type: ignore[method-assign]
    await look(replica)
    assert await state_of(store, BAD) == "probation"
    assert ledger.told[-1] == Unpark(BAD, "quarantine")


async def test_a_watch_that_is_off_counts_and_shows_nothing_and_one_that_is_on_again_does(
    store: Store, clock: Clock, ledger: RecordingLedger
) -> None:
    replica = Replica(store, clock, ledger)
    replica.health.turn(on=False)
    replica.note_a_bad_one()
    await replica.health.write()
    assert await store.read_all() == {}
    replica.health.turn(on=True)
    replica.note_a_bad_one()
    await look(replica)
    assert list(await replica.health.shown(NUMBERS)) == [BAD]
    replica.health.turn(on=False)
    assert await replica.health.shown(NUMBERS) == {}


async def test_a_watch_that_is_off_lifts_the_caps_of_probation_and_one_that_is_on_again_has_them(
    store: Store, clock: Clock, ledger: RecordingLedger, request: pytest.FixtureRequest
) -> None:
    replica = Replica(store, clock, ledger)
    redis = request.getfixturevalue("redis") if isinstance(store, RedisStore) else None
    replica.note_a_bad_one()
    await look(replica)
    until = int(clock.now * 1000) + 7 * DAY
    ledger.told.clear()
    replica.health.turn(on=False)
    for _ in range(2):
        if redis is not None:
            await redis.delete(f"{BASE}health:lead")
        await replica.health.rest()
    assert ledger.told == [Cap(BAD, 0)]
    replica.health.turn(on=True)
    await look(replica, redis)
    assert ledger.told == [Cap(BAD, 0), Cap(BAD, 10), Park(BAD, "quarantine", until)]


async def test_what_says_nothing_of_a_number_is_not_written(
    store: Store, clock: Clock, ledger: RecordingLedger
) -> None:
    replica = Replica(store, clock, ledger)
    for result in ("ringing", "in_call", "busy", "failed"):
        replica.health.note(BAD, result, used_by("sales"))
    replica.health.note(BAD, "answered", Mark("ccc"))
    await replica.health.write()
    assert await store.read_all() == {}


async def test_a_number_goes_all_the_way_to_full_and_every_step_is_told(
    clock: Clock, ledger: RecordingLedger
) -> None:
    replica = Replica(MemoryStore(), clock, ledger)
    replica.note_a_bad_one()
    await look(replica)
    clock.now += 7 * 86_400
    await look(replica)
    for calls in (20, 40, 60):
        for number in NUMBERS:
            replica.note(number, answered=calls * 2 // 5, of=calls)
        clock.now += 3600
        await look(replica)
    assert [one.per_day for one in ledger.told if isinstance(one, Cap)] == [10, 10, 20, 30, 0]
    states = ("quarantined", "probation_1", "probation_2", "probation_3", "healthy")
    assert [replica.counted(state) for state in states] == [1] * 5
    assert (await replica.health.shown([BAD]))[BAD].startswith("healthy: answered ")


async def test_a_ledger_that_is_down_is_told_as_soon_as_it_is_back(
    clock: Clock, ledger: RecordingLedger
) -> None:
    replica = Replica(MemoryStore(), clock, ledger)
    replica.note_a_bad_one()
    ledger.is_down = True
    with pytest.raises(LedgerUnavailable):
        await look(replica)
    ledger.is_down = False
    clock.now += 60
    await look(replica)
    await look(replica)
    until = int((clock.now - 60) * 1000) + 7 * DAY
    assert ledger.told == [Cap(BAD, 10), Park(BAD, "quarantine", until)]
    assert replica.counted("quarantined") == 1


async def test_two_replicas_count_together_and_judge_once(
    redis: Redis, clock: Clock, ledger: RecordingLedger
) -> None:
    replicas = [Replica(RedisStore(redis, BASE, f"process-{n}"), clock, ledger) for n in range(2)]
    for hour in range(6):
        for number in PEERS:
            replicas[hour % 2].note(number, answered=8, of=20)
        replicas[hour % 2].note(BAD, answered=2, of=20)
        await replicas[hour % 2].health.write()
        clock.now += 3600
    for replica in replicas:
        await replica.health.look()
        await redis.delete(f"{BASE}health:lead")
        await replica.health.look()
    assert len(ledger.told) == 2
    assert sum(replica.counted("quarantined") for replica in replicas) == 1
    for replica in replicas:
        assert "12 of 120" in (await replica.health.shown([BAD]))[BAD]


async def test_what_is_counted_while_it_is_judged_is_not_lost(
    redis: Redis, clock: Clock, ledger: RecordingLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RedisStore(redis, BASE, "process-1")
    replica, other = (
        Replica(store, clock, ledger),
        Replica(RedisStore(redis, BASE, "process-2"), clock, ledger),
    )
    replica.note_a_bad_one()
    await replica.health.write()
    read_all = store.read_all

    async def overtaken() -> dict[str, bytes]:
        records = await read_all()
        other.note(BAD, answered=0, of=1)
        await other.health.write()
        return records

    monkeypatch.setattr(store, "read_all", overtaken)
    await replica.health.look()
    assert (ledger.told, replica.counted("quarantined")) == ([], 0)
    monkeypatch.undo()
    await look(replica, redis)
    assert "10 of 100" in (await replica.health.shown([BAD]))[BAD]


async def test_while_redis_is_down_outcomes_are_kept_and_counted_later(
    own_redis: RedisServer, clock: Clock, ledger: RecordingLedger
) -> None:
    async with open_client(own_redis.url, timeout=0.5) as client:
        store = RedisStore(client, BASE, "process-1")
        replica = Replica(store, clock, ledger)
        async with replica.running():
            own_redis.kill()
            replica.note_a_bad_one()
            assert await replica.health.shown(NUMBERS) == {}
            await eventually(lambda: replica.health._batch.counted)
            own_redis.restart()
            await eventually(lambda: ledger.told)
        assert await state_of(store, BAD) == QUARANTINED
        assert "10 of 100" in (await replica.health.shown([BAD]))[BAD]


async def test_a_batch_whose_reply_was_lost_is_sent_again_as_it_was(
    clock: Clock, ledger: RecordingLedger
) -> None:
    store = LostReplies()
    replica = Replica(store, clock, ledger)
    store.to_lose = 2
    for _ in range(3):
        replica.note(BAD, answered=1, of=1)
        try:
            await replica.health.write()
        except LedgerUnavailable:
            continue
    assert [batch.serial for batch in store.batches] == [1, 1, 1, 2]
    assert [one.attempts for batch in store.batches for one in batch.counted] == [1, 1, 1, 2]


async def test_what_waits_for_redis_is_bounded_and_its_loss_is_told(
    clock: Clock,
    ledger: RecordingLedger,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(watch, "MOST_WAITING", 2)
    replica = Replica(MemoryStore(), clock, ledger)
    for number in NUMBERS[:5]:
        replica.note(number, answered=1, of=2)
    assert len(replica.health._waiting) == 2
    await replica.health.write()
    await replica.health.write()
    assert [one.getMessage() for one in caplog.records] == [
        "ccc-test: 6 outcomes do not count for number health: too many waited for Redis"
    ]


async def test_a_number_that_left_is_forgotten_and_nobody_while_there_is_no_inventory(
    store: Store, clock: Clock, ledger: RecordingLedger
) -> None:
    replica = Replica(store, clock, ledger)
    replica.note_a_bad_one()
    replica.inventory = None
    await look(replica)
    assert len(await store.read_all()) == len(NUMBERS)
    replica.inventory = inventory_of({"sales": PEERS})
    await look(replica)
    assert set(await store.read_all()) == set(PEERS)
    assert ledger.told == []


async def test_a_number_silent_for_a_week_is_forgotten(
    clock: Clock, ledger: RecordingLedger
) -> None:
    store = MemoryStore()
    replica = Replica(store, clock, ledger)
    replica.note(BAD, answered=1, of=2)
    await look(replica)
    clock.now += 6 * 86_400
    await look(replica)
    assert len(await store.read_all()) == 1
    clock.now += 2 * 86_400
    await look(replica)
    assert await store.read_all() == {}


async def test_groups_are_judged_apart(clock: Clock, ledger: RecordingLedger) -> None:
    replica = Replica(MemoryStore(), clock, ledger)
    replica.note_a_bad_one(group="debts")
    replica.inventory = inventory_of({"sales": PEERS, "debts": [BAD]})
    await look(replica)
    assert ledger.told == []


async def test_no_more_than_a_share_of_a_pool_is_taken_out_at_once(
    clock: Clock, ledger: RecordingLedger, caplog: pytest.LogCaptureFixture
) -> None:
    store = MemoryStore()
    replica = Replica(store, clock, ledger)
    for _ in range(12):
        for number in NUMBERS:
            replica.note(number, answered=1 if number < PEERS[3] else 12, of=20)
        clock.now += 3600
    await look(replica)
    states = [await state_of(store, number) for number in NUMBERS]
    assert states.count(QUARANTINED) == 2
    assert "2 more numbers look bad" in caplog.text


def ratio_of(replica: Replica, group: str = "sales") -> float | None:
    labels = {"instance": "ccc-test", "skill_group": group}
    return replica.metrics.registry.get_sample_value("callerid_answered_ratio", labels)


async def test_every_replica_shows_a_group_that_falls_and_parks_nobody(
    redis: Redis, clock: Clock, ledger: RecordingLedger
) -> None:
    replicas = [Replica(RedisStore(redis, BASE, f"process-{n}"), clock, ledger) for n in range(2)]
    for answered in (20, 20, 5):  # of 50, each day
        for _ in range(3):
            for number in NUMBERS:
                replicas[0].note(number, answered=answered, of=50)
            clock.now += 3600
        await replicas[0].health.write()
        clock.now += 21 * 3600
    clock.now -= 21 * 3600
    for replica in replicas:
        await replica.health.look()
        assert ratio_of(replica) == pytest.approx(0.25)
    assert ledger.told == []


async def test_a_group_without_enough_calls_or_a_past_has_no_ratio(
    clock: Clock, ledger: RecordingLedger
) -> None:
    replica, shown = Replica(MemoryStore(), clock, ledger), []
    for calls in (100, 100, 10):
        for number in NUMBERS:
            replica.note(number, answered=calls // 2, of=calls)
        clock.now += 3600
        await look(replica)
        shown.append(ratio_of(replica) or 0)
        clock.now += 23 * 3600
    assert [math.isnan(ratio) for ratio in shown] == [True, False, True]


async def test_a_number_whose_place_can_spare_none_is_held(
    clock: Clock, ledger: RecordingLedger, caplog: pytest.LogCaptureFixture
) -> None:
    store = MemoryStore()
    replica = Replica(store, clock, ledger)
    everyone = inventory_of({"sales": NUMBERS}).numbers.values()
    here = [replace(own, province="新疆", city="喀什", area_code="0998") for own in everyone][:2]
    replica.inventory = Inventory("ccc-test", 1, [*here, *list(everyone)[2:]])
    for _ in range(12):
        for number in NUMBERS:
            replica.note(number, answered=1 if number in {BAD, PEERS[0]} else 12, of=20)
        clock.now += 3600
    await look(replica)
    assert [await state_of(store, number) for number in (BAD, PEERS[0])] == [QUARANTINED, HEALTHY]
    assert "1 more numbers look bad" in caplog.text


async def test_an_unreadable_record_is_removed(
    redis: Redis, clock: Clock, ledger: RecordingLedger
) -> None:
    await redis.hset(f"{BASE}health", BAD, b"\xc1")
    replica = Replica(RedisStore(redis, BASE, "process-1"), clock, ledger)
    assert await replica.health.shown([BAD]) == {}
    await look(replica)
    assert await redis.exists(f"{BASE}health") == 0


async def test_a_cancellation_that_a_client_loses_ends_the_watch_all_the_same(
    clock: Clock, ledger: RecordingLedger
) -> None:
    store = DeafStore()
    replica = Replica(store, clock, ledger)
    replica.note(BAD, answered=1, of=1)
    async with replica.running():
        await store.is_adding.wait()
    assert store.was_cancelled


async def test_a_watch_at_work_judges_by_itself_and_ends_when_told(
    clock: Clock, ledger: RecordingLedger, caplog: pytest.LogCaptureFixture
) -> None:
    store = MemoryStore()
    replica = Replica(store, clock, ledger)
    caplog.set_level(logging.INFO)
    async with replica.running():
        replica.note_a_bad_one()
        await eventually(lambda: ledger.told)
        clock.now += 7 * 86_400
        await eventually(lambda: replica.counted("probation_1"))
    assert await state_of(store, BAD) == PROBATION
