"""The numbers as people see them, over a ledger that says what a test wants."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec
import pytest

from service.errors import (
    InvalidField,
    InventoryUnavailable,
    LedgerUnavailable,
    UnknownInstance,
    UnknownNumber,
)
from service.inventory import Inventory, PhoneNumber
from service.ledger.answers import Standing
from service.ledger.port import Describe, Operation, Park, Unpark
from service.numbers import NumberEntry, NumberPage, NumberQuery, Parked
from service.numbers.directory import Directory
from service.sync import SweepReport

GROUP = "sales@ccc-test"
NOW = 1_000_000
CHENGDU = ("四川", "成都", "028")
NUMBERS = (
    PhoneNumber("02855500004", *CHENGDU, skill_group_ids=("support@ccc-test",)),
    PhoneNumber("02855500003", *CHENGDU, "Inbound", skill_group_ids=(GROUP,)),
    PhoneNumber("02855500002", *CHENGDU, active=False, skill_group_ids=(GROUP,)),
    PhoneNumber("01055500001", "北京", "北京", "010", "Outbound", skill_group_ids=(GROUP,)),
)
FRESH = Standing(0, 0, 0, ())


class FakeKeeper:
    last_sweep = SweepReport()

    def __init__(self, inventory: Inventory | None) -> None:
        self.inventory = inventory

    async def follow(self) -> None:
        raise AssertionError


class FakeLedger:
    """Knows how some numbers stand, and parks the members; raises while it is down."""

    def __init__(self) -> None:
        self.standings: dict[str, Standing] = {}
        self.described: list[tuple[str, ...]] = []
        self.told: list[Operation] = []
        self.takes = True
        self.down = False

    async def apply(self, operation: Operation) -> tuple[Standing, ...] | bool:
        self._fail()
        if isinstance(operation, Describe):
            self.described.append(operation.numbers)
            return tuple(self.standings.get(number, FRESH) for number in operation.numbers)
        self.told.append(operation)
        return self.takes

    def _fail(self) -> None:
        if self.down:
            raise LedgerUnavailable("Redis is down")


async def no_health(_instance_id: str, _numbers: Sequence[str]) -> Mapping[str, str]:
    return {}


class FakeInstance(msgspec.Struct, frozen=True):
    instance_id: str
    keeper: FakeKeeper
    ledger: FakeLedger

    def now(self) -> int:
        return NOW


class Bench:
    """A directory of one instance and what it is made of."""

    def __init__(self, *, ready: bool = True) -> None:
        self.ledger = FakeLedger()
        self.keeper = FakeKeeper(Inventory("ccc-test", 1, NUMBERS) if ready else None)
        self.instance = FakeInstance("ccc-test", self.keeper, self.ledger)
        self.directory = Directory({"ccc-test": self.instance}, no_health)  # type: ignore[dict-item]  # the fake ledger has just what is used

    async def page(self, **filters: object) -> NumberPage:
        return await self.directory.page(msgspec.convert(filters, NumberQuery))

    async def entry(self, number: str) -> NumberEntry:
        [entry] = (await self.page(q=number)).data
        return entry


def shown(page: NumberPage) -> list[int]:
    """The last digits of a page's numbers."""
    return [int(entry.number[-1]) for entry in page.data]


async def test_numbers_are_listed_in_their_order_with_what_the_inventory_knows() -> None:
    page = await Bench().page()
    assert shown(page) == [1, 2, 3, 4]
    assert (page.page, page.page_size, page.total, page.standing) == (1, 20, 4, "known")
    first = page.data[0]
    assert (first.number, first.province, first.usage) == ("01055500001", "北京", "Outbound")
    assert first.skill_group_ids == (GROUP,)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"q": "0285-5500"}, [2, 3, 4]),
        ({"q": "0004"}, [4]),
        ({"q": "9"}, []),
        ({"usage": "Inbound"}, [3]),
        ({"active": "true"}, [1, 3, 4]),
        ({"active": "false"}, [2]),
        ({"skill_group_id": GROUP}, [1, 2, 3]),
        ({"skill_group_id": "sales"}, []),
        ({"province": "四川省"}, [2, 3, 4]),
        ({"city": "北京市"}, [1]),
        ({"province": "四川", "active": "true", "usage": "Bidirection"}, [4]),
        ({"q": "", "usage": "", "active": "", "province": ""}, [1, 2, 3, 4]),
    ],
)
async def test_filters_leave_what_fits_all_of_them(
    filters: dict[str, str], expected: list[int]
) -> None:
    page = await Bench().page(**filters)
    assert (shown(page), page.total) == (expected, len(expected))


async def test_pages_follow_each_other_and_end() -> None:
    bench = Bench()
    pages = [await bench.page(page=page, page_size=3) for page in (1, 2, 3)]
    assert [shown(page) for page in pages] == [[1, 2, 3], [4], []]
    assert {page.total for page in pages} == {4}


async def test_a_new_snapshot_is_listed_as_soon_as_it_is_there() -> None:
    bench = Bench()
    await bench.page()
    bench.keeper.inventory = Inventory("ccc-test", 2, NUMBERS[2:])
    assert shown(await bench.page()) == [1, 2]


async def test_the_ledger_is_asked_for_the_page_alone() -> None:
    bench = Bench()
    await bench.page(page=2, page_size=3)
    await bench.page(q="9")
    assert bench.ledger.described == [("02855500004",)]


async def test_a_candidate_that_nothing_keeps_out_is_available() -> None:
    bench = Bench()
    bench.ledger.standings["01055500001"] = Standing(2, 5, 1, (("rest", NOW),))
    entry = await bench.entry("01055500001")
    assert (entry.used_hour, entry.used_day, entry.available, entry.parked) == (2, 5, True, ())


async def test_a_parked_number_says_why_and_until_when() -> None:
    bench = Bench()
    parks = (("operator", NOW + 500), ("day", NOW + 1000), ("hour", NOW - 1), ("spoilt", 10**15))
    bench.ledger.standings["01055500001"] = Standing(0, 0, 0, parks)
    entry = await bench.entry("01055500001")
    assert entry.available is False
    assert entry.parked == (
        Parked("day", datetime(1970, 1, 1, 0, 16, 41, tzinfo=UTC)),
        Parked("operator", datetime(1970, 1, 1, 0, 16, 40, 500_000, tzinfo=UTC)),
        Parked("spoilt", datetime(9999, 1, 1, tzinfo=UTC)),
    )


@pytest.mark.parametrize(
    ("number", "reason"), [("02855500002", "inactive"), ("02855500003", "inbound_only")]
)
async def test_a_number_that_never_calls_out_says_why_without_an_end(
    number: str, reason: str
) -> None:
    entry = await Bench().entry(number)
    assert (entry.available, entry.parked) == (False, (Parked(reason, None),))


async def test_while_the_ledger_is_down_the_list_is_given_without_any_standing() -> None:
    bench = Bench()
    bench.ledger.down = True
    page = await bench.page()
    assert (shown(page), page.standing) == ([1, 2, 3, 4], "unavailable")
    assert {(one.used_hour, one.used_day, one.available, one.parked) for one in page.data} == {
        (None, None, None, None)
    }


async def test_an_operator_parks_a_number_however_it_is_written() -> None:
    bench = Bench()
    assert await bench.directory.park("", "+86 10-5550 0001", NOW + 9) == "01055500001"
    assert bench.ledger.told == [Park("01055500001", "operator", NOW + 9)]


async def test_an_operators_park_is_ended_and_no_other() -> None:
    bench = Bench()
    assert await bench.directory.unpark("ccc-test", "01055500001") == "01055500001"
    assert bench.ledger.told == [Unpark("01055500001", "operator")]


async def test_what_nobody_parked_cannot_be_unparked() -> None:
    bench = Bench()
    bench.ledger.takes = False
    with pytest.raises(UnknownNumber, match=r"010\*{4}0001 is not parked by an operator"):
        await bench.directory.unpark("", "01055500001")


@pytest.mark.parametrize(
    ("number", "why"), [("02855500002", "inactive"), ("01055500001", "yet to hear")]
)
async def test_a_number_outside_of_the_rotation_cannot_be_parked(number: str, why: str) -> None:
    bench = Bench()
    bench.ledger.takes = False
    with pytest.raises(UnknownNumber, match=why):
        await bench.directory.park("", number, NOW + 9)


async def test_a_number_of_nobody_is_unknown_and_masked() -> None:
    bench = Bench()
    with pytest.raises(UnknownNumber, match=r"029\*{4}0001 is not a number of ccc-test"):
        await bench.directory.park("", "02955500001", NOW + 9)
    with pytest.raises(UnknownNumber):
        await bench.directory.unpark("", "02955500001")
    assert not bench.ledger.told


@pytest.mark.parametrize("number", ["0285550****", "", "x", "0285550000\n1"])
async def test_what_is_no_number_is_refused_as_the_field_number(number: str) -> None:
    with pytest.raises(InvalidField) as refused:
        await Bench().directory.park("", number, NOW + 9)
    assert refused.value.field == "number"


async def test_a_park_that_cannot_reach_the_ledger_is_not_pretended() -> None:
    bench = Bench()
    bench.ledger.down = True
    with pytest.raises(LedgerUnavailable):
        await bench.directory.park("", "01055500001", NOW + 9)
    with pytest.raises(LedgerUnavailable):
        await bench.directory.unpark("", "01055500001")


async def test_without_an_inventory_nothing_can_be_listed() -> None:
    with pytest.raises(InventoryUnavailable):
        await Bench(ready=False).page()


async def test_an_instance_must_be_one_that_is_configured() -> None:
    bench = Bench()
    with pytest.raises(UnknownInstance):
        await bench.page(instance_id="elsewhere")
    both = Directory({"a": bench.instance, "b": bench.instance}, no_health)  # type: ignore[dict-item]  # as above
    with pytest.raises(InvalidField, match="instance_id"):
        await both.page(NumberQuery())
