import pytest

from service.inventory import (
    LEVELS,
    Inventory,
    Near,
    PhoneNumber,
    Step,
    Terms,
    Wish,
    are_candidates,
    group_token,
    kept_from,
    levels_down_to,
    near,
    steps_for,
    with_spare_first,
)
from service.locality import Locality

SALES, SUPPORT = "sales@ccc-test", "support@ccc-test"
CHENGDU = Locality("四川", "成都", "028")
MEISHAN = Locality("四川", "眉山", "028")
LESHAN = Locality("四川", "乐山", "0833")
GUANGDONG = Locality("广东")


def number(last: int, place: Locality, *groups: str, agent_id: str = "") -> PhoneNumber:
    return PhoneNumber(
        f"0285550{last:04d}",
        place.province,
        place.city,
        place.area_code,
        skill_group_ids=groups,
        agent_id=agent_id,
    )


INVENTORY = Inventory(
    "ccc-test",
    1,
    [
        number(1, CHENGDU, SALES),
        number(2, MEISHAN, SALES, SUPPORT),
        number(3, LESHAN, SALES),
        number(4, Locality("北京", "北京", "010"), SALES),
        number(5, CHENGDU, agent_id="agent01@ccc-test"),
    ],
)


def steps(callee: Locality, *groups: str, agent_id: str = "") -> list[str]:
    found = steps_for(INVENTORY, callee, Wish(groups, agent_id), LEVELS)
    return [step.level for step in found]


def test_levels_are_tried_from_the_callees_city_outwards() -> None:
    assert steps(CHENGDU, SALES) == ["city", "area_code", "province", "any"]


def test_a_city_whose_name_no_number_has_is_reached_by_its_area_code() -> None:
    assert steps(Locality("四川", "资阳", "028"), SALES) == ["area_code", "province", "any"]


def test_a_level_that_adds_no_pool_to_the_one_before_is_left_out() -> None:
    assert steps(MEISHAN, SUPPORT) == ["city", "any"]


def test_a_callee_without_a_place_is_shown_any_number() -> None:
    assert steps(Locality(country="HK"), SALES) == ["any"]


def test_the_agents_own_numbers_come_first() -> None:
    assert steps(CHENGDU, SUPPORT, agent_id="agent01@ccc-test")[0] == "agent"
    assert steps(CHENGDU, agent_id="agent01@ccc-test") == ["agent"]
    assert steps(CHENGDU, agent_id="agent02@ccc-test") == []


def test_all_groups_stand_in_one_step_whatever_their_order() -> None:
    ways = [
        steps_for(INVENTORY, MEISHAN, Wish(groups), LEVELS)
        for groups in ((SALES, SUPPORT), (SUPPORT, SALES, SUPPORT))
    ]
    assert ways[0] == ways[1]
    mark = f"city SC{group_token(SALES)}{group_token(SUPPORT)}"
    assert ways[0][0] == Step(mark, (f"{SALES}|city|028眉山", f"{SUPPORT}|city|028眉山"))


def test_an_unknown_group_has_no_pools() -> None:
    assert steps(CHENGDU, "nobody@ccc-test") == []


def test_min_match_bounds_the_levels_from_below() -> None:
    assert levels_down_to(LEVELS, "") == LEVELS
    assert levels_down_to(LEVELS, "area_code") == ("city", "area_code")
    assert levels_down_to(("city", "any"), "province") == ("city",)
    assert levels_down_to(LEVELS, "any") == LEVELS


def test_places_that_are_near_are_tried_in_order_before_any() -> None:
    places: Near = {
        ("province", "河北"): (("province", "四川"), ("city", "010北京")),
        ("any", "*"): (("city", "028眉山"),),
    }
    order = ("city", "area_code", "province", "near", "any")

    def tried(callee: Locality) -> list[tuple[str, str]]:
        steps = steps_for(INVENTORY, callee, Wish((SALES,)), order, near(places, callee))
        return [(step.level, step.pools[0].partition("|")[2]) for step in steps]

    baoding = Locality("河北", "保定", "0312")
    assert tried(baoding) == [
        ("near", "province|四川"),
        ("near", "city|010北京"),
        ("any", "any|*"),
    ]
    assert [step[0] for step in tried(LESHAN)] == ["city", "province", "near", "any"]
    assert levels_down_to(order, "near") == order[:4]
    assert levels_down_to(order, "province") == order[:3]


def test_without_near_places_the_level_adds_nothing() -> None:
    order = ("province", "near", "any")
    steps = steps_for(INVENTORY, LESHAN, Wish((SALES,)), order, near({}, LESHAN))
    assert [step.level for step in steps] == ["province", "any"]


def test_cities_with_numbers_to_spare_are_one_pool_before_all_others() -> None:
    steps = steps_for(INVENTORY, GUANGDONG, Wish((SALES, SUPPORT)), LEVELS)
    spare = [
        (SALES, ("city", "028成都")),
        (SUPPORT, ("city", "028眉山")),
        (SALES, ("city", "nowhere")),
    ]
    first, last = with_spare_first(steps, INVENTORY, GUANGDONG, Wish((SALES, SUPPORT)), spare)
    tokens = group_token(SALES) + group_token(SUPPORT)
    assert first.pools == (f"{SALES}|city|028成都", f"{SUPPORT}|city|028眉山")
    assert first.mark == f"any GD{tokens}"
    assert (last,) == steps
    assert with_spare_first(steps[:0], INVENTORY, GUANGDONG, Wish((SALES,)), spare) == ()
    assert with_spare_first(steps, INVENTORY, GUANGDONG, Wish((SALES,)), []) == steps


AVOIDED = {
    "02855500001": frozenset(["四川", "北京"]),
    "02855500002": frozenset(["028成都"]),
    "02855500005": frozenset(["四川"]),
}
AVOIDING = Inventory(
    "ccc-test",
    1,
    INVENTORY.numbers.values(),
    lambda number: Terms("", AVOIDED.get(number.number, frozenset())),
)


@pytest.mark.parametrize(
    ("callee", "kept"),
    [
        (CHENGDU, ["02855500001", "02855500002", "02855500005"]),
        (MEISHAN, ["02855500001", "02855500005"]),
        (Locality("北京", "北京", "010"), ["02855500001"]),
        (GUANGDONG, []),
        (Locality(), []),
    ],
)
def test_callees_of_a_place_that_a_number_is_kept_from_have_it_in_no_step(
    callee: Locality, kept: list[str]
) -> None:
    wish = Wish((SALES, SUPPORT), "agent01@ccc-test")
    spare = [(SALES, ("city", "028成都")), (SALES, ("city", "028眉山"))]
    places = ("near", "any")
    steps = steps_for(AVOIDING, callee, wish, (*LEVELS[:3], *places), (("province", "四川"),))
    steps = with_spare_first(steps, AVOIDING, callee, wish, spare)
    tried = {number for step in steps for pool in step.pools for number in AVOIDING.members[pool]}
    assert tried == AVOIDING.numbers.keys() - kept
    assert sorted({number for pool in kept_from(AVOIDING, callee, wish) for number in pool}) == kept
    for number in AVOIDING.numbers:
        assert are_candidates(AVOIDING, callee, steps, [(number, "any SC")]) == (number in tried)
        assert are_candidates(AVOIDING, callee, steps, [(number, "ccc")]) == (number in tried)


@pytest.mark.parametrize("owner", [f"{SALES}~028成都", f"{SALES}|any|*~028成都", f"{SALES}|any|*"])
def test_no_name_of_a_group_leads_to_a_number_that_is_kept_from_the_callee(owner: str) -> None:
    assert steps_for(AVOIDING, CHENGDU, Wish((owner,)), LEVELS) == ()
    assert steps_for(AVOIDING, CHENGDU, Wish((SALES,), tags=(owner,)), LEVELS) == ()


def test_a_line_feed_in_a_group_or_tag_makes_no_two_names_of_a_pool() -> None:
    odd = PhoneNumber("02855500001", skill_group_ids=("a\nb",), tags=(f"x|any|*\n{SALES}",))
    inventory = Inventory("ccc-test", 1, [odd])
    assert not [pool for pool in inventory.members if "\n" in pool]
    wish = Wish(odd.skill_group_ids, tags=odd.tags)
    [step] = steps_for(inventory, CHENGDU, wish, LEVELS)
    assert inventory.members[step.pools[0]] == (odd.number,)


def test_a_step_names_the_group_of_each_of_its_pools_also_of_those_that_some_do_not_see() -> None:
    [step] = steps_for(AVOIDING, GUANGDONG, Wish((SALES, SUPPORT)), LEVELS)
    assert step == Step(
        f"any GD{3 * group_token(SALES)}{group_token(SUPPORT)}",
        (
            f"{SALES}|any|*",
            f"{SALES}|any|*~028成都",
            f"{SALES}|any|*~北京,四川",
            f"{SUPPORT}|any|*~028成都",
        ),
    )
