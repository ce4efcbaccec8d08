"""The overview by province, over the ledger in memory."""

import asyncio
from collections.abc import Iterable
from itertools import chain, repeat

import pytest

from service.errors import InventoryUnavailable
from service.inventory import Inventory, PhoneNumber
from service.ledger import Limits, LocalLedger, Park, Rules
from service.ledger.port import Cap, Record
from service.numbers.overview import Overviews, ProvinceUse
from service.sync import SweepReport
from tests.waiting import turns_beside

SALES = "sales@ccc-test"
NOW = 1_700_000_000_000
NUMBERS = (
    PhoneNumber("02855500001", "四川", "成都", "028", skill_group_ids=(SALES,)),
    PhoneNumber("02855500002", "四川", "成都", "028", skill_group_ids=(SALES, "x@ccc-test")),
    PhoneNumber("02855500003", "四川", "成都", "028", "Inbound", skill_group_ids=(SALES,)),
    PhoneNumber("01055500001", "北京", "北京", "010", agent_id="amy@ccc-test"),
    PhoneNumber("4005550001", skill_group_ids=(SALES,)),
)


class FakeKeeper:
    last_sweep = SweepReport()
    inventory: Inventory | None = Inventory("ccc-test", 1, NUMBERS)


class FakeInstance:
    """As much of an instance as is counted."""

    def __init__(self, limits: Limits) -> None:
        self.instance_id = "ccc-test"
        self.keeper = FakeKeeper()
        self.ledger = LocalLedger(lambda: NOW)
        self.ledger.rule(Rules(limits={"": limits}))
        if self.keeper.inventory:
            self.ledger.replace(self.keeper.inventory)


class Bench:
    """Overviews of one instance; each look at the timer gives the next of these times."""

    def __init__(self, limits: Limits | None = None, times: Iterable[float] = ()) -> None:
        self.instance = FakeInstance(limits or Limits())
        self.overviews = Overviews(
            {"ccc-test": self.instance},  # type: ignore[dict-item]  # has just what is used
            lambda: NOW,
            chain(times, repeat(0.0)).__next__,
        )

    async def provinces(self) -> dict[str, ProvinceUse]:
        overview = await self.overviews.of("")
        return {one.province: one for one in overview.provinces}


async def test_numbers_are_counted_by_province_and_by_what_they_may_do() -> None:
    provinces = await Bench().provinces()
    assert provinces == {
        "四川": ProvinceUse("四川", 3, 2, 2, 0, 0, {}),
        "北京": ProvinceUse("北京", 1, 1, 1, 0, 0, {}),
        "": ProvinceUse("", 1, 0, 0, 0, 0, {}),
    }


async def test_use_today_stands_against_the_caps_of_all_candidates() -> None:
    bench = Bench(Limits(max_per_day=10))
    bench.instance.ledger.apply_now(Record((("02855500001", "city"),), NOW))
    bench.instance.ledger.apply_now(Record((("02855500001", "city"),), NOW - 2 * 86_400_000))
    await bench.instance.ledger.apply(Cap("02855500002", 3))
    sichuan = (await bench.provinces())["四川"]
    assert (sichuan.used_day, sichuan.max_per_day) == (1, 13)


async def test_one_number_without_a_cap_leaves_its_province_without_one() -> None:
    bench = Bench()
    await bench.instance.ledger.apply(Cap("02855500001", 3))
    assert (await bench.provinces())["四川"].max_per_day == 0


async def test_a_number_parked_for_two_reasons_is_out_once() -> None:
    bench = Bench()
    for reason in ("operator", "quarantine"):
        await bench.instance.ledger.apply(Park("02855500001", reason, NOW + 1000))
    await bench.instance.ledger.apply(Park("02855500002", "operator", NOW))
    sichuan = (await bench.provinces())["四川"]
    assert (sichuan.available, sichuan.parked) == (1, {"operator": 1, "quarantine": 1})


async def test_the_skill_groups_are_named_in_order() -> None:
    assert (await Bench().overviews.of("")).skill_group_ids == (SALES, "x@ccc-test")


@pytest.mark.parametrize(("took", "shown_until"), [(0.01, 1.01), (0.5, 10.5)])
async def test_what_was_counted_is_shown_again_for_a_while(took: float, shown_until: float) -> None:
    counted = [0.0, took, took]  # before it, after it, and when it is put away
    bench = Bench(times=[*counted, shown_until - 0.001, shown_until, *counted])
    first, again, anew = [await bench.overviews.of("") for _ in range(3)]
    assert again is first
    assert anew is not first


async def test_who_asks_meanwhile_waits_for_the_same_count() -> None:
    bench = Bench()
    first, second = await asyncio.gather(bench.overviews.of(""), bench.overviews.of(""))
    assert first is second


async def test_without_an_inventory_there_is_nothing_to_count() -> None:
    bench = Bench()
    bench.instance.keeper.inventory = None
    with pytest.raises(InventoryUnavailable):
        await bench.overviews.of("")


async def test_counting_a_great_many_lets_others_run() -> None:
    bench = Bench()
    many = [PhoneNumber(f"0285{n:07d}", "四川", skill_group_ids=(SALES,)) for n in range(5000)]
    bench.instance.keeper.inventory = Inventory("ccc-test", 2, many)
    assert await turns_beside(bench.overviews.of("")) >= 10
