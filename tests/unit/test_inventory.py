from collections.abc import Mapping, Sequence
from random import Random

import msgspec
import pytest

from service.inventory import (
    LEVELS,
    Alike,
    CommonFields,
    Details,
    Inventory,
    Moves,
    PhoneNumber,
    Wish,
    alike,
    bar,
    moves_between,
    place_at,
    steps_for,
)
from service.inventory.order import in_order, merged
from service.locality import Locality
from service.tasks import at_once

SALES, SUPPORT = "sales@ccc-test", "support@ccc-test"


def chengdu(number: str, *groups: str) -> PhoneNumber:
    return PhoneNumber(number, "四川", "成都", "028", skill_group_ids=groups or (SALES,))


def meishan(number: str) -> PhoneNumber:
    return PhoneNumber(number, "四川", "眉山", "028", skill_group_ids=(SALES,))


def leshan(number: str) -> PhoneNumber:
    return PhoneNumber(number, "四川", "乐山", "0833", skill_group_ids=(SALES,))


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (PhoneNumber("02855500001", skill_group_ids=(SALES,)), ""),
        (PhoneNumber("02855500001", agent_id="agent01@ccc-test"), ""),
        (PhoneNumber("02855500001", usage="Outbound", skill_group_ids=(SALES,)), ""),
        (PhoneNumber("02855500001", active=False, skill_group_ids=(SALES,)), "inactive"),
        (PhoneNumber("02855500001", usage="Inbound", skill_group_ids=(SALES,)), "inbound_only"),
        (PhoneNumber("4008001234", skill_group_ids=(SALES,)), "toll_free"),
        (PhoneNumber("02855500001"), "no_skill_group"),
    ],
)
def test_what_keeps_a_number_from_being_shown_is_named(number: PhoneNumber, reason: str) -> None:
    assert bar(number) == reason


def test_a_number_stands_in_a_pool_at_each_level_of_each_of_its_groups() -> None:
    inventory = Inventory(
        "ccc-test",
        1,
        [chengdu("02855500001", SALES, SUPPORT), meishan("02855500002"), leshan("08335550001")],
    )
    assert inventory.members[inventory.pool(SALES, "city", "028成都")] == ("02855500001",)
    assert inventory.members[inventory.pool(SALES, "area_code", "028")] == (
        "02855500001",
        "02855500002",
    )
    assert len(inventory.members[inventory.pool(SALES, "province", "四川")]) == 3
    assert inventory.members[inventory.pool(SUPPORT, "any", "*")] == ("02855500001",)


def test_levels_that_hold_the_same_numbers_are_one_pool() -> None:
    inventory = Inventory("ccc-test", 1, [chengdu("02855500001"), leshan("08335550001")])
    assert inventory.pool(SALES, "area_code", "028") == inventory.pool(SALES, "city", "028成都")
    assert inventory.pool(SALES, "province", "四川") != inventory.pool(SALES, "any", "*")


def test_a_province_of_one_city_is_one_pool_with_it_and_any_stays_its_own() -> None:
    inventory = Inventory("ccc-test", 1, [chengdu("02855500001")])
    assert inventory.pool(SALES, "province", "四川") == inventory.pool(SALES, "city", "028成都")
    assert inventory.pool(SALES, "any", "*") == f"{SALES}|any|*"


def test_a_place_without_numbers_has_no_pool() -> None:
    inventory = Inventory("ccc-test", 1, [chengdu("02855500001")])
    assert inventory.pool(SALES, "city", "0833乐山") == ""
    assert inventory.pool("nobody@ccc-test", "any", "*") == ""


def test_numbers_of_the_same_groups_and_place_share_a_home() -> None:
    inventory = Inventory(
        "ccc-test", 1, [chengdu("02855500001"), chengdu("02855500002"), leshan("08335550001")]
    )
    assert inventory.home("02855500001") is inventory.home("02855500002")
    assert inventory.home("02855500001") != inventory.home("08335550001")


def test_an_agents_number_is_in_that_agents_pool_alone() -> None:
    number = PhoneNumber("02855500001", "四川", "成都", "028", agent_id="agent01@ccc-test")
    inventory = Inventory("ccc-test", 1, [number])
    assert list(inventory.members) == ["agent:agent01@ccc-test|agent|*"]


def test_a_number_that_may_not_be_shown_has_no_home_and_is_counted() -> None:
    barred = PhoneNumber("02855500001", active=False, skill_group_ids=(SALES, SUPPORT))
    inventory = Inventory("ccc-test", 1, [barred, chengdu("02855500002")])
    assert inventory.home("02855500001") is None
    assert inventory.barred([SALES]) == {"inactive": 1}
    assert inventory.barred(["nobody@ccc-test"]) == {}
    assert len(inventory) == 2


def test_a_city_is_named_together_with_its_area_code() -> None:
    assert place_at("city", "四川", "成都", "028") == "028成都"
    assert place_at("city", "四川", "", "028") == ""
    assert place_at("city", "", "成都", "") == ""


def test_a_number_without_an_area_code_is_local_to_the_city_of_its_names_and_to_no_code() -> None:
    coded, codeless = (
        chengdu("02855500001"),
        PhoneNumber("1064899123456", "四川", "成都", "", skill_group_ids=(SALES,)),
    )
    far = PhoneNumber("95013", "云南", "", "", skill_group_ids=(SALES,))
    inventory = Inventory("ccc-test", 1, [coded, codeless, far])
    callee = Locality("四川", "成都", "028")
    levels = {
        step.level: {number for pool in step.pools for number in inventory.members[pool]}
        for step in steps_for(inventory, callee, Wish((SALES,)), LEVELS)
    }
    assert levels == {
        "city": {"02855500001", "1064899123456"},
        "province": {"02855500001", "1064899123456"},
        "any": {"02855500001", "1064899123456", "95013"},
    }
    elsewhere = steps_for(inventory, Locality("四川", "", "028"), Wish((SALES,)), LEVELS)
    assert [step.level for step in elsewhere] == ["area_code", "province", "any"]
    assert inventory.members[elsewhere[0].pools[0]] == ("02855500001",)


def test_an_inventory_looks_the_same_in_whatever_order_its_numbers_come() -> None:
    numbers = [chengdu("02855500001"), meishan("02855500002"), leshan("08335550001")]
    forwards, backwards = (Inventory("ccc-test", 1, listed) for listed in (numbers, numbers[::-1]))
    assert forwards.members == backwards.members
    assert forwards.homes() == backwards.homes()


def test_many_numbers_are_sorted_in_slices() -> None:
    numbers = [f"{number:05}" for number in range(10_000)]
    shuffled = Random(1).sample(numbers, len(numbers))
    assert sum(1 for _ in in_order(shuffled)) > 5
    assert at_once(in_order(shuffled)) == tuple(numbers)
    runs = [numbers[2:7000:3], numbers[1::3], numbers[::3], numbers[7001::3], []]
    assert at_once(merged(runs)) == tuple(numbers)


def test_an_inventory_made_in_slices_yields_in_between_and_is_the_same() -> None:
    numbers = [chengdu(f"0285550{last:04d}") for last in range(1000)]
    building = Inventory.building("ccc-test", 1, numbers)
    assert sum(1 for _ in building) > len(numbers) / 100
    sliced, whole = (
        at_once(Inventory.building("ccc-test", 1, numbers)),
        Inventory("ccc-test", 1, numbers),
    )
    assert sliced.members == whole.members
    assert sliced.homes() == whole.homes()
    assert sliced.numbers == whole.numbers


def test_what_moves_from_one_snapshot_to_the_next_is_told() -> None:
    stays, goes, moves = chengdu("02855500001"), chengdu("02855500002"), chengdu("02855500003")
    before = Inventory("ccc-test", 1, [stays, goes, moves])
    moved, comes = chengdu("02855500003", SUPPORT), chengdu("02855500004")
    after = Inventory("ccc-test", 2, [stays, moved, comes])
    told = at_once(moves_between(before.homes(), after.homes()))
    assert told == Moves(gone=["02855500002"], moved=["02855500004", "02855500003"])


def _sets(members: Mapping[str, Sequence[str]]) -> dict[str, set[str]]:
    return {pool: set(numbers) for pool, numbers in members.items()}


def test_numbers_that_have_fields_in_common_share_them_and_stay_what_they_are() -> None:
    some = [PhoneNumber(f"0285550000{last}", "四川", "成都", tags=("A",)) for last in range(4)]
    other = PhoneNumber("0285550009", "四川", "成都", tags=("B",), details=Details(trunks=2))
    encoded = (
        msgspec.msgpack.encode(alike([some[0], other, some[1]])),
        msgspec.msgpack.encode(alike(some[2:])),
    )
    common = CommonFields()
    decoded = [msgspec.msgpack.decode(each, type=tuple[Alike, ...]) for each in encoded]
    assert [len(each) for each in decoded] == [2, 1]
    shared = [number for each in decoded for one in each for number in common.numbers(one)]
    assert shared == [some[0], some[1], other, some[2], some[3]]
    assert shared[0].tags is shared[1].tags is shared[3].tags
    assert shared[0].province is shared[4].province
