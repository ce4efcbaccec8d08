from service.inventory import (
    LEVELS,
    Inventory,
    PhoneNumber,
    Step,
    Wish,
    group_token,
    levels_down_to,
    steps_for,
)
from service.locality import Locality

SALES, SUPPORT = "sales@ccc-test", "support@ccc-test"
CHENGDU = Locality("四川", "成都", "028")
MEISHAN = Locality("四川", "眉山", "028")
LESHAN = Locality("四川", "乐山", "0833")


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
