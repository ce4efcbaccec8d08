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
)
from service.inventory import Inventory, PhoneNumber
from service.ledger.answers import Glance, Standing
from service.ledger.port import Describe, Park
from service.numbers import NumberEntry, NumberPage, NumberQuery, Parked
from service.numbers.directory import Directory
from service.picking.notes import LocalNotes, Note
from service.sync import SweepReport
from tests.waiting import turns_beside

GROUP = "sales@ccc-test"
NOW = 1_000_000
CHENGDU = ("四川", "成都", "028")
NUMBERS = (
    PhoneNumber("02855500004", *CHENGDU, skill_group_ids=("support@ccc-test",), provider="alicom"),
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
    """Knows how some numbers stand, and how they stood when `glances` differ; may be down."""

    def __init__(self) -> None:
        self.standings: dict[str, Standing] = {}
        self.glances: dict[str, tuple[tuple[str, int], ...]] = {}
        self.described: list[tuple[str, ...]] = []
        self.down = False

    async def apply(self, described: Describe) -> tuple[Standing, ...]:
        if self.down:
            raise LedgerUnavailable("Redis is down")
        self.described.append(described.numbers)
        return tuple(self.standings.get(number, FRESH) for number in described.numbers)

    def glance(self, numbers: Sequence[str]) -> list[Glance]:
        known = [(number, self.standings.get(number, FRESH)) for number in numbers]
        return [
            Glance(one.used_day, 0, self.glances.get(number, one.parks), one.used_hour)
            for number, one in known
        ]


async def no_health(_instance_id: str, _numbers: Sequence[str]) -> Mapping[str, str]:
    return {}


class FakeInstance(msgspec.Struct, frozen=True):
    instance_id: str
    keeper: FakeKeeper
    ledger: FakeLedger
    notes: LocalNotes = msgspec.field(default_factory=LocalNotes)

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


async def test_a_park_has_the_words_that_were_given_to_it_and_no_others() -> None:
    bench = Bench()
    told = Park("01055500001", "operator", NOW + 500)
    await bench.instance.notes.keep([told], Note(NOW + 500, "ops", "complaints"), NOW)
    bench.ledger.standings |= {
        "01055500001": Standing(0, 0, 0, (("operator", NOW + 500), ("rest", NOW + 500))),
        "02855500004": Standing(0, 0, 0, (("operator", NOW + 500), ("provider", NOW + 500))),
    }
    parked = (await bench.entry("01055500001")).parked or ()
    assert [(park.reason, park.by, park.note) for park in parked] == [
        ("operator", "ops", "complaints"),
        ("rest", "", ""),
    ]
    parked = (await bench.entry("02855500004")).parked or ()
    assert [(park.reason, park.by, park.note) for park in parked] == [
        ("operator", "", ""),
        ("provider", "", "alicom"),
    ]


@pytest.fixture
def used() -> Bench:
    """Number 1 was used twice, 4 nine times and is parked by two reasons; 2 and 3 are barred."""
    bench = Bench()
    parks = (("operator", NOW + 500), ("sip_rest", NOW + 500))
    bench.ledger.standings |= {
        "01055500001": Standing(2, 2, 0, ()),
        "02855500004": Standing(1, 9, 0, parks),
    }
    return bench


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("available", [1]),
        ("parked", [4]),
        ("operator", [4]),
        ("sip_rest", [4]),
        ("quarantine", []),
        ("inactive", [2]),
        ("inbound_only", [3]),
    ],
)
async def test_numbers_are_filtered_by_their_state(
    used: Bench, state: str, expected: list[int]
) -> None:
    page = await used.page(state=state)
    assert (shown(page), page.total) == (expected, len(expected))


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("number", [1, 2, 3, 4]),
        ("-number", [4, 3, 2, 1]),
        ("used_day", [2, 3, 1, 4]),
        ("-used_day", [4, 1, 2, 3]),
        ("used_hour", [2, 3, 4, 1]),
        ("-used_hour", [1, 4, 2, 3]),
    ],
)
async def test_numbers_are_sorted_by_use_and_then_by_number(
    used: Bench, order: str, expected: list[int]
) -> None:
    assert shown(await used.page(sort=order)) == expected
    pages = [await used.page(sort=order, page=page, page_size=3) for page in (1, 2)]
    assert [number for page in pages for number in shown(page)] == expected


async def test_who_has_come_back_meanwhile_is_not_shown_as_parked(used: Bench) -> None:
    used.ledger.glances = {"01055500001": (("operator", NOW + 500),)}
    assert shown(await used.page(state="operator")) == [4]
    assert shown(await used.page(state="available")) == []


async def test_while_the_ledger_is_down_state_and_order_are_as_known_here(used: Bench) -> None:
    used.ledger.down = True
    assert shown(await used.page(state="parked")) == [4]
    page = await used.page(sort="-used_day")
    assert (shown(page), page.standing) == ([4, 1, 2, 3], "unavailable")


async def test_a_long_list_is_sorted_and_filtered_while_others_run() -> None:
    bench = Bench()
    numbers = [PhoneNumber(f"0285{n:07d}", "四川", skill_group_ids=(GROUP,)) for n in range(20_000)]
    bench.keeper.inventory = Inventory("ccc-test", 2, numbers[::-1])
    page = bench.page(state="available", sort="-used_day", page_size=2)
    assert await turns_beside(page) >= 10
    assert [entry.number for entry in (await bench.page(page_size=2)).data] == [
        "02850000000",
        "02850000001",
    ]


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
