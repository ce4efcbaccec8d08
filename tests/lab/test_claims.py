"""A quick form of each claim of the laboratory, with a wide margin: `make lab` measures them."""

from functools import partial
from random import Random
from statistics import median

import pytest

from tests.lab.found import calls_until_found
from tests.lab.holdout import NEVER, Case, experiments
from tests.lab.peace import false_quarantines, outage
from tests.lab.pool import Pool, local_numbers, provinces
from tests.lab.pools import fall, quarantined_of_two_groups
from tests.lab.regions import region
from tests.lab.returns import return_of
from tests.lab.table import Table, as_text

# Thousands of steps: counting their lines triples their time, and other tests reach them too.
pytestmark = pytest.mark.no_cover


@pytest.mark.parametrize(("ratio", "most"), [(0.5, 300), (0.37, 200)])
def test_a_number_that_falls_is_found_within_some_hundred_calls(ratio: float, most: int) -> None:
    assert median(calls_until_found(ratio, 20, seed=1, numbers=90)) < most


def test_equals_are_left_in_peace_over_outages_and_provinces_apart() -> None:
    randomness = Random(1)
    numbers = local_numbers(provinces(randomness, sd=0.5), 100, 20)
    outages = partial(outage, numbers=len(numbers))
    assert false_quarantines(Pool(numbers, 1), 60, randomness, outages) == 0


@pytest.mark.parametrize(("count", "calls_a_day"), [(2, 20), (20, 5)])
def test_a_small_pool_is_left_in_peace(count: int, calls_a_day: int) -> None:
    randomness = Random(1)
    numbers = local_numbers(provinces(randomness, sd=0.5), count, calls_a_day)
    assert false_quarantines(Pool(numbers, 1), 200, randomness) == 0


async def test_a_region_that_answers_less_than_half_as_often_keeps_its_local_numbers() -> None:
    matches, _, _, good_ones_out = await region(0.4, seed=1, days=6, bad=0)
    assert matches > 0.98  # type: ignore[operator]
    assert good_ones_out == 0


def test_numbers_that_a_cold_group_shares_stay() -> None:
    assert quarantined_of_two_groups(15, seed=1) == 0


def test_a_pool_that_falls_as_a_whole_loses_few_numbers_and_shows_it() -> None:
    gone, _, least_ratio = fall(100, seed=1, numbers=100)
    assert gone < 5
    assert least_ratio < 0.75


def test_a_bad_part_of_a_pool_is_found_up_to_a_fifth_of_it() -> None:
    gone, others, _ = fall(15, seed=1, numbers=100)
    assert (gone > 12, others) == (True, 0)


def test_a_number_that_is_sound_again_is_back_in_two_weeks() -> None:
    full, relapsed, quarantined = return_of(1, wears_off=True, numbers=48)
    assert len(full) == quarantined >= 6
    assert 12 <= median(full) <= 17
    assert len(relapsed) <= 2  # by chance


def test_a_number_that_stays_bad_is_caught_again_and_never_trusted() -> None:
    full, relapsed, quarantined = return_of(1, wears_off=False, numbers=48)
    assert not full
    assert len(relapsed) == quarantined >= 6


def test_a_holdout_finds_two_points_in_three_weeks_and_seldom_what_is_not_there() -> None:
    stopped = experiments(Case(0.02, 6000, 1, 22, experiments=20), seed=1)
    assert sum(one.day < NEVER for one in stopped) >= 15
    stopped = experiments(Case(0.0, 2000, 5, 20, experiments=20), seed=1)
    assert sum(one.day < NEVER for one in stopped) <= 2


def test_a_table_is_printed_as_markdown() -> None:
    table = Table("name", "The claim.", ("seed", "share"), lambda _: [])
    text = "### name\n\nThe claim.\n\n| seed | share |\n| --- | --- |\n| 1 | 0.1235 |"
    assert as_text(table, [(1, 0.12345)]) == text
