"""The mark of a use: what the ledgers keep of a call's stratum, and how it reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.inventory.marks import (
    PROVINCES,
    TOKEN,
    Mark,
    group_token,
    read_mark,
    shown_level,
    step_mark,
    use_mark,
)

SALES, SURVEY = "sales@ccc-test", "survey@ccc-test"


def test_a_mark_says_the_level_the_province_and_the_group() -> None:
    mark = step_mark("city", "四川", (SALES,))
    assert mark == f"city SC{group_token(SALES)}"
    assert read_mark(mark) == Mark("city", "city", "SC", group_token(SALES))
    assert len(mark) - len("city") == 11


def test_a_sticky_answer_is_shown_as_such_and_knows_its_true_level() -> None:
    mark = f"sticky {step_mark('province', '新疆', (SALES,))}"
    assert read_mark(mark) == Mark("sticky", "province", "XJ", group_token(SALES))
    assert shown_level(mark) == "sticky"


@pytest.mark.parametrize(("position", "group"), [(0, SALES), (1, SURVEY)])
def test_a_use_bears_the_group_of_the_pool_that_has_the_number(position: int, group: str) -> None:
    mark = use_mark(step_mark("any", "", (SALES, SURVEY)), 2, position)
    assert read_mark(mark) == Mark("any", "any", "--", group_token(group))


def test_a_use_bears_the_arm_of_its_pick_behind_the_stratum() -> None:
    mark = f"sticky {step_mark('city', '四川', (SALES,))}l7"
    assert read_mark(mark) == Mark("sticky", "city", "SC", group_token(SALES), "l7")


def test_what_has_no_stratum_stays_a_level() -> None:
    assert use_mark("any", 2, 1) == "any"
    assert read_mark("ccc") == Mark("ccc")


def test_all_provinces_have_codes_of_their_own() -> None:
    assert len(set(PROVINCES.values())) == len(PROVINCES) == 34
    assert {len(code) for code in PROVINCES.values()} == {2}


@given(group=st.text())
def test_a_token_is_short_printable_and_without_a_blank(group: str) -> None:
    token = group_token(group)
    assert len(token) == TOKEN
    assert token.isascii()
    assert " " not in token
