"""Parks by hand and their ends, on the ledgers as they are: in Redis and in this process."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from service.errors import InventoryUnavailable, LedgerUnavailable, UnknownInstance
from service.health import MemoryStore, NumberHealth, RedisStore
from service.health.rates import Tally
from service.health.rules import DAY, HOUR, PROBATION, QUARANTINED, HealthRecord
from service.health.store import Change, Counted, HealthBatch, Store, decode, encode
from service.inventory import Inventory, PhoneNumber
from service.ledger import Ledger, LocalLedger, Park, apply_all
from service.ledger.port import Answered, AnswerT
from service.metrics import Metrics
from service.numbers import NumberQuery, NumberResult
from service.numbers.directory import Directory
from service.numbers.parking import Parking, Steps
from service.picking.instance import Digests, Instance
from service.picking.notes import LocalNotes, Note, Notes, SharedNotes
from service.redis_.client import open_client
from service.sync import SweepReport
from tests.fakes import in_place_of
from tests.ledgers import BASE, GROUP, now_ms, numbers, shared_ledger, write_members
from tests.waiting import turns_beside

FIRST, SECOND, THIRD, INACTIVE = (f"0108989{last:04d}" for last in range(4))
NUMBERS = (*numbers(3), PhoneNumber(INACTIVE, active=False, skill_group_ids=(GROUP,)))
INVENTORY = Inventory("ccc-test", 1, NUMBERS)
KEY = Digests(b"a key", "ccc-test")
REASONS = ("operator", "sip_rest", "sip_park", "provider", "quarantine")


class FakeKeeper:
    last_sweep = SweepReport()

    def __init__(self, inventory: Inventory | None) -> None:
        self.inventory = inventory


class FakeInstance(NamedTuple):
    """As much of an instance as is parked and listed."""

    instance_id: str
    keeper: FakeKeeper
    ledger: Ledger
    notes: Notes

    def now(self) -> int:
        return now_ms()


async def _all(steps: Steps) -> list[NumberResult]:
    return [one async for some in steps for one in some]


class Bench:
    """All that parks and lists, over a ledger."""

    def __init__(self, ledger: Ledger, notes: Notes, store: Store) -> None:
        self.ledger, self.store = ledger, store
        self.keeper = FakeKeeper(INVENTORY)
        instances: dict[str, Instance] = in_place_of(
            {"ccc-test": FakeInstance("ccc-test", self.keeper, ledger, notes)}
        )
        self.health = NumberHealth(
            "ccc-test",
            store,
            ledger,
            inventory=lambda: self.keeper.inventory,
            clock=time.time,
            metrics=Metrics(),
        )
        self.parking = Parking(instances, lambda _, numbers: self.health.lift(numbers))
        self.directory = Directory(instances, lambda _, numbers: self.health.shown(numbers))

    async def park(self, *given: str, until: int, words: str = "complaints") -> list[str]:
        results = await _all(self.parking.park("", given, until, by="ops", words=words))
        assert [one.number for one in results] == list(given)
        return [one.result for one in results]

    async def lift(self, *given: str, reason: str = "operator") -> list[str]:
        results = await _all(self.parking.lift("", given, in_place_of(reason)))
        return [one.result for one in results]

    async def parked(self, number: str) -> dict[str, tuple[str, str]]:
        """The reasons that keep a number out, each with whose words they are."""
        [entry] = (await self.directory.page(NumberQuery(q=number))).data
        return {park.reason: (park.by, park.note) for park in entry.parked or ()}

    async def record(self, number: str) -> HealthRecord:
        record = decode((await self.store.read([number]))[number])
        assert record is not None
        return record

    async def quarantine(self, number: str) -> None:
        """Have a number judged so, and the ledger told."""
        await self.store.add(HealthBatch(1, (Counted(number, 1, 0, 1, "g", "BJ"),)))
        record = HealthRecord((), QUARANTINED, until=now_ms() + DAY, untold=True)
        before = (await self.store.read([number]))[number]
        await self.store.replace([Change(number, before, encode(record))])
        await self.health.look()


@asynccontextmanager
async def embedded() -> AsyncIterator[Bench]:
    ledger = LocalLedger(now_ms)
    ledger.replace(INVENTORY)
    yield Bench(ledger, LocalNotes(), MemoryStore())


@asynccontextmanager
async def shared(url: str) -> AsyncIterator[Bench]:
    await write_members(url, INVENTORY)
    async with shared_ledger(url, INVENTORY) as side:
        notes = SharedNotes(side.client, f"{BASE}note:", KEY.park)
        yield Bench(side.ledger, notes, RedisStore(side.client, BASE, "one"))


@pytest.fixture(params=["redis", "embedded"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    url = request.getfixturevalue("redis_url") if request.param == "redis" else ""
    async with shared(url) if url else embedded() as built:
        yield built


@pytest.fixture
def until() -> int:
    return now_ms() + HOUR


async def test_many_are_parked_in_any_form_with_a_result_each(bench: Bench, until: int) -> None:
    given = [SECOND, "+86 10-8989 0000", "0108989****", FIRST, "02055500001", INACTIVE, "", SECOND]
    assert await bench.park(*given, until=until) == [
        "parked",
        "parked",
        "unknown",
        "parked",
        "unknown",
        "not_candidate",
        "unknown",
        "parked",
    ]
    for number in (FIRST, SECOND):
        assert await bench.parked(number) == {"operator": ("ops", "complaints")}
    assert await bench.parked(THIRD) == {}


async def test_many_are_lifted_with_a_result_each(bench: Bench, until: int) -> None:
    await bench.park(FIRST, SECOND, until=until)
    given = [FIRST, THIRD, "+86 10 8989 0000", INACTIVE, "02055500001"]
    assert await bench.lift(*given) == [
        "unparked",
        "not_parked",
        "unparked",
        "not_candidate",
        "unknown",
    ]
    assert await bench.lift(FIRST) == ["not_parked"]
    assert list(await bench.parked(SECOND)) == ["operator"]


@pytest.mark.parametrize("reason", REASONS)
async def test_one_reason_is_lifted_and_the_others_hold(
    bench: Bench, until: int, reason: str
) -> None:
    for each in (*REASONS, "rest"):
        await bench.ledger.apply(Park(FIRST, each, until))
    assert await bench.lift(FIRST, reason=reason) == ["unparked"]
    assert set(await bench.parked(FIRST)) == {*REASONS, "rest"} - {reason}


async def test_all_that_people_and_codes_did_is_lifted_and_never_a_limit(
    bench: Bench, until: int
) -> None:
    for each in (*REASONS, "rest", "max_per_day"):
        await bench.ledger.apply(Park(FIRST, each, until))
    assert await bench.lift(FIRST, SECOND, reason="all") == ["unparked", "not_parked"]
    assert set(await bench.parked(FIRST)) == {"max_per_day", "rest"}


async def test_parked_again_a_number_has_the_new_end_and_the_new_words(
    bench: Bench, until: int
) -> None:
    await bench.park(FIRST, until=until)
    await bench.park(FIRST, until=until - 1000, words="again")
    assert await bench.parked(FIRST) == {"operator": ("ops", "again")}
    await bench.ledger.apply(Park(FIRST, "operator", until - 2000))
    assert await bench.parked(FIRST) == {"operator": ("", "")}


@pytest.mark.parametrize("reason", ["quarantine", "all"])
async def test_a_quarantine_that_is_lifted_goes_on_as_a_probation(
    bench: Bench, reason: str
) -> None:
    await bench.quarantine(FIRST)
    assert list(await bench.parked(FIRST)) == ["quarantine"]
    assert await bench.lift(FIRST, SECOND, reason=reason) == ["unparked", "not_parked"]
    assert await bench.parked(FIRST) == {}
    record = await bench.record(FIRST)
    assert (record.state, record.stage, record.untold) == (PROBATION, 0, False)
    assert record.reason == "probation_1: its quarantine was lifted"
    [entry] = (await bench.directory.page(NumberQuery(q=FIRST))).data
    assert (entry.max_per_day, entry.health) == (10, record.reason)


async def test_calls_of_before_do_not_put_a_lifted_number_back(bench: Bench) -> None:
    await bench.quarantine(FIRST)
    await bench.lift(FIRST, reason="quarantine")
    before = (await bench.store.read([FIRST]))[FIRST]
    hour = now_ms() // HOUR
    tallies = tuple(Tally(hour - ago, 0, 500, "g", "BJ") for ago in range(5))
    record = replace(await bench.record(FIRST), tallies=tallies)
    await bench.store.replace([Change(FIRST, before, encode(record))])
    await bench.health.look()
    assert await bench.parked(FIRST) == {}
    assert (await bench.record(FIRST)).state == PROBATION


class Counting(MemoryStore):
    """Counts a call of a number just before its record is replaced, once."""

    is_due = False

    async def replace(self, changes: Sequence[Change]) -> list[bool]:
        if self.is_due:
            self.is_due = False
            await self.add(HealthBatch(2, (Counted(FIRST, 1, 1, 1, "g", "BJ"),)))
        return await super().replace(changes)


async def test_a_quarantine_is_lifted_though_a_call_is_counted_meanwhile() -> None:
    async with embedded() as bench:
        store = Counting()
        counting = Bench(bench.ledger, LocalNotes(), store)
        await counting.quarantine(FIRST)
        store.is_due = True
        assert await counting.lift(FIRST, reason="quarantine") == ["unparked"]
        assert (await counting.record(FIRST)).state == PROBATION


class Failing:
    """A ledger that is away for so many operations, from one on."""

    def __init__(self, ledger: LocalLedger, *, works_for: int) -> None:
        self.ledger = ledger
        self.left = works_for

    async def apply(self, operation: Answered[AnswerT]) -> AnswerT:
        self.left -= 1
        if self.left < 0:
            raise LedgerUnavailable("Redis is down")
        return self.ledger.apply_now(operation)


async def test_what_a_lift_could_not_tell_the_ledger_the_next_look_does() -> None:
    async with embedded() as bench:
        await bench.quarantine(FIRST)
        failing = Failing(in_place_of(bench.ledger), works_for=0)
        with pytest.raises(LedgerUnavailable):
            await Bench(in_place_of(failing), LocalNotes(), bench.store).lift(FIRST, reason="all")
        assert list(await bench.parked(FIRST)) == ["quarantine"]
        await bench.health.look()
        assert await bench.parked(FIRST) == {}


async def test_what_redis_took_before_it_went_away_is_done_and_may_be_asked_again() -> None:
    inventory = Inventory("ccc-test", 1, many := numbers(100))
    ledger = LocalLedger(now_ms)
    ledger.replace(inventory)
    failing = Failing(ledger, works_for=70)
    bench = Bench(in_place_of(failing), LocalNotes(), MemoryStore())
    bench.keeper.inventory = inventory
    given = [own.number for own in many]
    steps = bench.parking.park("", given, now_ms() + HOUR, by="ops", words="")
    for _ in range(2):
        assert {one.result for one in await anext(steps)} == {"parked"}
    with pytest.raises(LedgerUnavailable):
        await anext(steps)
    assert len(ledger.parked()) >= 64
    failing.left = 1000
    assert await bench.park(*given, until=now_ms() + HOUR) == ["parked"] * 100
    assert len(ledger.parked()) == 100


async def test_what_misses_its_deadline_on_a_busy_machine_is_tried_again() -> None:
    ledger, late = LocalLedger(now_ms), {"01089890003", "01089890040"}
    ledger.replace(Inventory("ccc-test", 1, many := numbers(100)))

    async def apply(operation: Park) -> bool:
        if operation.number in late:
            late.discard(operation.number)
            raise LedgerUnavailable("too slow")
        return ledger.apply_now(operation)

    parks = [Park(own.number, "operator", now_ms() + HOUR) for own in many]
    busy = in_place_of(SimpleNamespace(apply=apply))
    assert await apply_all(busy, parks) == [True] * 100
    assert not late
    assert len(ledger.parked()) == 100


async def test_picks_go_on_beside_thousands_of_numbers() -> None:
    async with embedded() as bench:
        strangers = [f"0209999{n:04d}" for n in range(3200)]
        assert await turns_beside(bench.lift(*strangers, reason="all")) >= 100


async def test_without_an_instance_or_its_inventory_nothing_is_parked() -> None:
    async with embedded() as bench:
        with pytest.raises(UnknownInstance):
            await _all(bench.parking.lift("elsewhere", [FIRST], "all"))
        bench.keeper.inventory = None
        with pytest.raises(InventoryUnavailable):
            await _all(bench.parking.lift("", [FIRST], "all"))


async def test_words_are_kept_for_all_until_the_park_ends_and_never_beside_a_number(
    redis_url: str, until: int
) -> None:
    parks = [Park(number, "operator", until) for number in (FIRST, SECOND)]
    note = Note(until, "ops", "投诉")
    async with open_client(redis_url, timeout=5.0) as client:
        await SharedNotes(client, f"{BASE}note:", KEY.park).keep(parks, note, until - 5000)
        keys = [key async for key in client.scan_iter(f"{BASE}note:*")]
        assert len(keys) == 2
        assert not [key for key in keys if FIRST.encode() in key or SECOND.encode() in key]
        assert all([0 < await client.pttl(key) <= 5000 for key in keys])
        another = SharedNotes(client, f"{BASE}note:", KEY.park)
        assert await another.read(parks) == dict.fromkeys(parks, note)
        await client.set(keys[0], b"\xc1", px=5000)
        assert len(await another.read(parks)) == 1


async def test_words_that_are_lost_lose_no_park(until: int) -> None:
    async with embedded() as bench, open_client("redis://127.0.0.1:1/0", timeout=0.2) as client:
        notes = SharedNotes(client, f"{BASE}note:", KEY.park)
        wordless = Bench(bench.ledger, notes, bench.store)
        assert await wordless.park(FIRST, until=until) == ["parked"]
        assert await wordless.parked(FIRST) == {"operator": ("", "")}


async def test_this_process_forgets_the_oldest_words(
    monkeypatch: pytest.MonkeyPatch, until: int
) -> None:
    monkeypatch.setattr("service.picking.notes.MOST", 2)
    notes = LocalNotes()
    parks = [Park(number, "operator", until) for number in (FIRST, SECOND, THIRD)]
    for park in parks:
        await notes.keep([park], Note(until), 0)
    assert list(await notes.read(parks)) == parks[1:]
