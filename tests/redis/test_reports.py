"""The counts of reports in Redis and in this process: alike, of all replicas, by the day."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from service.errors import LedgerUnavailable
from service.inventory import Inventory, PhoneNumber, group_token, read_mark
from service.redis_.client import open_client
from service.reports.calls import LONGEST_TALK_MS, CallCounter
from service.reports.report import (
    By,
    CallRow,
    EndedCalls,
    ReportRow,
    answered_share,
    report_row,
)
from service.reports.rows import LocalRows, Rows, SharedRows, cell_of
from service.settings.kinds import MOST_DAYS
from tests.waiting import LONG

BASE = "callerid:2:{test}:ccc-test:report:"
SHANGHAI = ZoneInfo("Asia/Shanghai")
SALES = "sales@ccc-test"
NUMBER, OTHER = "02855500001", "02855500002"
MARK = f"city SC{group_token(SALES)}l7q8"  # of a callee in an arm of an experiment
STICKY = f"sticky any --{group_token('gone@ccc-test')}"
FIRST, SECOND = date(2026, 1, 2), date(2026, 1, 3)


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    async with open_client(redis_url, timeout=LONG) as opened:
        yield opened


@pytest.fixture(params=["redis", "memory"])
def rows(request: pytest.FixtureRequest) -> Rows:
    if request.param == "memory":
        return LocalRows()
    return SharedRows(request.getfixturevalue("client"), BASE)


class Replica:
    """A process that counts, by a clock of its own."""

    def __init__(self, rows: Rows, days: int = 35) -> None:
        self.now = datetime(2026, 1, 2, 23, 59, tzinfo=SHANGHAI)
        inventory = Inventory("ccc-test", 1, [PhoneNumber(NUMBER, skill_group_ids=(SALES,))])
        self.calls = CallCounter(rows, lambda: self.now, lambda: inventory)
        self.calls.days = days

    def call(self, result: str = "", talk_ms: int = 0, *, mark: str = MARK) -> None:
        """Count a pick, and how the call ended."""
        self.calls.count_picks([(NUMBER, mark)])
        if result:
            self.calls.count_end(NUMBER, result, read_mark(mark), talk_ms)

    async def report(self, by: By, day: date = FIRST) -> Mapping[str, ReportRow]:
        rows = await self.calls.read(day, by)
        return {key: report_row(day, key, row) for key, row in rows.items()}


async def test_what_replicas_count_adds_up_by_number_group_province_and_match(rows: Rows) -> None:
    one, other = Replica(rows), Replica(rows)
    one.call("answered", 42_000)
    one.call("no_answer")
    await one.calls.write()
    other.call("answered", 2 * LONGEST_TALK_MS)
    other.call("busy", mark=STICKY)
    await other.calls.write()
    one.call("failed", mark="ccc")
    await one.calls.write()
    local = ReportRow(
        FIRST,
        SALES,
        picks=3,
        outcomes=EndedCalls(2, 1, 0, 0, 0, 0),
        answered_share=0.6667,
        interval=(0.2077, 0.9385),
        talk_ms=42_000 + LONGEST_TALK_MS,
    )
    picks = {
        by: {key: row.picks for key, row in (await other.report(by)).items()}
        for by in ("number", "province", "match")
    }
    assert (await other.report("skill_group"))[SALES] == local
    assert picks == {
        "number": {NUMBER: 5},
        "province": {"四川": 3, "": 2},
        "match": {"city": 3, "sticky": 1, "ccc": 1},
    }
    assert (await one.report("match"))["ccc"].outcomes == EndedCalls(0, 0, 0, 0, 0, 1)


async def test_a_day_begins_at_midnight_where_the_instance_is(rows: Rows) -> None:
    replica = Replica(rows)
    replica.call("answered")
    await replica.calls.write()
    replica.now = datetime(2026, 1, 2, 16, 1, tzinfo=UTC).astimezone(SHANGHAI)
    replica.call("busy")
    await replica.calls.write()
    counts = [(await replica.report("number", day))[NUMBER].outcomes for day in (FIRST, SECOND)]
    assert counts == [EndedCalls(1, 0, 0, 0, 0, 0), EndedCalls(0, 0, 1, 0, 0, 0)]


async def test_days_beyond_those_that_are_kept_are_removed(rows: Rows) -> None:
    replica = Replica(rows)
    replica.call()
    await replica.calls.write()
    replica.now = datetime(2026, 1, 3, 9, tzinfo=SHANGHAI)
    await replica.calls.write()
    assert await replica.report("number") != {}
    replica.calls.days = 1
    await replica.calls.write()
    assert [await replica.report(by) for by in ("number", "match")] == [{}, {}]


async def test_what_redis_does_not_take_now_is_counted_later_in_its_own_day() -> None:
    class Fragile(LocalRows):
        is_down = True

        async def add(self, name: str, cells: dict[str, int], seconds: int) -> None:
            if self.is_down:
                raise LedgerUnavailable("Redis is away")
            await super().add(name, cells, seconds)

    rows = Fragile()
    replica = Replica(rows)
    replica.call("answered")
    with pytest.raises(LedgerUnavailable):
        await replica.calls.write()
    replica.now = datetime(2026, 1, 3, 9, tzinfo=SHANGHAI)
    replica.call("answered")
    rows.is_down = False
    await replica.calls.write()
    counts = [(await replica.report("match", day))["city"].picks for day in (FIRST, SECOND)]
    assert counts == [1, 1]


async def test_what_redis_took_before_it_went_away_is_counted_once(
    client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = Replica(SharedRows(client, BASE))
    replica.calls.count_picks([(f"0285550{last:04}", MARK) for last in range(1000)])
    send, left = client.eval, [9]

    async def sent(*words: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            raise RedisConnectionError("gone")
        return await send(*words)

    monkeypatch.setattr(client, "eval", sent)
    with pytest.raises(LedgerUnavailable):
        await replica.calls.write()
    await replica.calls.write()
    report = await replica.report("number")
    assert (len(report), sum(row.picks for row in report.values())) == (1000, 1000)


async def test_an_end_while_the_counts_are_taken_in_loses_none(rows: Rows) -> None:
    replica = Replica(rows)
    replica.calls.count_picks([(f"0285550{last:04}", MARK) for last in range(1000)])
    taking_in = replica.calls._taking_in(FIRST)
    for _ in range(10):
        next(taking_in)
    taking_in.close()  # as its task does that is cancelled
    await replica.calls.write()
    counts = [
        sum(row.picks for row in (await replica.report(by)).values()) for by in ("number", "match")
    ]
    assert counts == [1000, 1000]


async def test_many_numbers_are_kept_apart_with_an_end_to_each_day(client: Redis) -> None:
    rows = SharedRows(client, BASE)
    numbers = [f"0285550{last:04}" for last in range(2000)]
    cells = {cell_of(number, at % 8): at for at, number in enumerate(numbers)}
    await rows.add("a", dict(cells), 60)
    await rows.add("a", cells, 60)
    assert cells == {}
    read = await rows.read("a")
    assert {number: sum(msgspec.structs.astuple(row)) for number, row in read.items()} == {
        number: 2 * at for at, number in enumerate(numbers)
    }
    assert 0 < await client.ttl(f"{BASE}a") <= 60


async def test_what_others_left_is_left_out_and_gives_way(client: Redis) -> None:
    rows = SharedRows(client, BASE)
    await client.rpush(f"{BASE}a", "anything")
    assert await rows.read("a") == {}
    await rows.add("a", {cell_of(NUMBER, 0): 1}, 60)
    (pack,) = await client.hkeys(f"{BASE}a")
    for others in (b"text", b"\xff", b"\x81\xab02855500001\x91\xa1x", b"\x07"):
        await client.hset(f"{BASE}a", pack, others)
        assert await rows.read("a") == {}
        await rows.add("a", {cell_of(NUMBER, 0): 2, cell_of(NUMBER, 7): 3}, 60)
        assert (await rows.read("a"))[NUMBER] == CallRow(2, 0, 0, 0, 0, 0, 0, 3)


async def test_the_longest_that_can_be_kept_has_an_end(client: Redis) -> None:
    replica = Replica(SharedRows(client, BASE), MOST_DAYS)
    replica.call()
    await replica.calls.write()
    seconds = await client.ttl(f"{BASE}{FIRST}:number")
    assert MOST_DAYS * 86_400 < seconds <= (MOST_DAYS + 1) * 86_400


@pytest.mark.parametrize(
    ("answered", "calls", "share", "interval"),
    [
        (0, 0, None, None),
        (0, 10, 0.0, (0.0, 0.2775)),
        (10, 10, 1.0, (0.7225, 1.0)),
        (81, 263, 0.308, (0.2553, 0.3662)),  # of Newcombe, "Two-sided confidence intervals", 1998
    ],
)
def test_a_share_has_the_interval_of_wilson(
    answered: int, calls: int, share: float | None, interval: tuple[float, float] | None
) -> None:
    assert answered_share(answered, calls) == (share, interval)
