"""What one hour of calls says of a number, and what is expected of its calls."""

from itertools import pairwise
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.health.pools import ComparedHour, Dispersion, Guard
from service.health.rates import Comparison, Tally, compared, evidence_of_hour
from service.health.strata import Calls, Strata

DAY = 20_000
MORNING = DAY * 24 + 1  # an hour of its first band
rates = st.floats(0.01, 0.98)


def calls_of(*counts: tuple[str, str, int, int, int]) -> Calls:
    """Calls as (group, province, hour of the day, answered, calls)."""
    calls = Calls()
    for group, province, hour, answered, attempts in counts:
        calls.add_stratum(group, province, hour // 4, (answered, attempts))
        calls.add_hour(group, hour, (answered, attempts))
    return calls


def expected(strata: Strata, tally: Tally) -> float:
    return strata.compare(tally.hour, [tally]).expected / tally.attempts


def test_evidence_is_how_much_likelier_trouble_makes_the_calls() -> None:
    assert compared(0, 1, 0.5).evidence == pytest.approx(log(0.7 / 0.5))
    assert compared(1, 1, 0.5).evidence == pytest.approx(log(0.6))
    assert compared(1, 1, 0.5, 0.25).evidence == pytest.approx(log(0.6) / 4)


@given(attempts=st.integers(1, 300), rate=rates)
def test_the_fewer_answer_the_more_it_says_against_the_number(attempts: int, rate: float) -> None:
    evidence = [compared(answered, attempts, rate).evidence for answered in range(attempts + 1)]
    assert all(one > other for one, other in pairwise(evidence))


@given(attempts=st.integers(1, 300), rate=rates, dispersion=st.floats(1, 9))
def test_no_hour_says_more_than_its_bound(attempts: int, rate: float, dispersion: float) -> None:
    for answered in (0, attempts):
        evidence = evidence_of_hour(compared(answered, attempts, rate), dispersion)
        assert abs(evidence) <= 3 / dispersion


def test_hours_add_up() -> None:
    total = compared(1, 4, 0.5) + compared(3, 6, 0.25)
    assert (total.answered, total.attempts, total.expected) == (4, 10, 3.5)
    assert total.variance == pytest.approx(4 * 0.25 + 6 * 0.1875)
    assert Comparison() + total == total


def test_a_call_is_compared_with_calls_of_its_own_province() -> None:
    today = calls_of(("g", "XJ", 1, 1800, 10_000), ("g", "SC", 1, 16_200, 40_000))
    strata = Strata(DAY, today, Calls(), Calls())
    assert expected(strata, Tally(MORNING, 18, 100, "g", "XJ")) == pytest.approx(0.18, abs=0.002)
    assert expected(strata, Tally(MORNING, 18, 100, "g", "SC")) == pytest.approx(0.405, abs=0.002)


def test_a_call_is_compared_with_calls_of_its_own_group() -> None:
    today = calls_of(("hot", "SC", 1, 4500, 10_000), ("cold", "SC", 1, 1500, 10_000))
    strata = Strata(DAY, today, Calls(), Calls())
    assert expected(strata, Tally(MORNING, 15, 100, "cold", "SC")) == pytest.approx(0.15, abs=0.002)


def test_a_call_is_compared_with_calls_of_its_own_hours() -> None:
    today = calls_of(("g", "SC", 1, 2000, 10_000), ("g", "SC", 2, 4000, 10_000))
    strata = Strata(DAY, today, Calls(), Calls())
    assert expected(strata, Tally(MORNING, 1, 9, "g", "SC")) == pytest.approx(0.2, abs=0.002)
    assert expected(strata, Tally(MORNING + 1, 1, 9, "g", "SC")) == pytest.approx(0.4, abs=0.002)


def test_its_own_calls_are_no_part_of_what_a_number_is_compared_with() -> None:
    usual = calls_of(("g", "SC", 1, 4000, 10_000))
    bad = Tally(MORNING, 0, 400, "g", "SC")
    strata = Strata(DAY, calls_of(("g", "SC", 1, 160, 800)), usual, Calls())
    assert expected(strata, bad) == pytest.approx(0.4, abs=0.01)


def test_a_stratum_of_which_little_is_known_is_taken_for_like_its_group() -> None:
    today = calls_of(("g", "SC", 1, 4000, 10_000), ("g", "XJ", 1, 0, 2))
    compared_there = Strata(DAY, today, Calls(), Calls()).compare(
        MORNING, [Tally(MORNING, 0, 1, "g", "XJ")]
    )
    assert compared_there.expected == pytest.approx(0.315, abs=0.001)
    assert compared_there.evidence < 0.25 * log(0.76 / 0.6)


def test_what_is_usual_shows_a_pool_that_falls_today_no_number_that_does() -> None:
    usual = calls_of(("g", "SC", 1, 40_000, 100_000))
    strata = Strata(DAY, calls_of(("g", "SC", 1, 1000, 10_000)), usual, usual)
    assert expected(strata, Tally(MORNING, 10, 100, "g", "SC")) == pytest.approx(0.1, abs=0.005)


def test_calls_of_an_unknown_group_or_a_day_long_past_say_nothing() -> None:
    strata = Strata(DAY, calls_of(("g", "SC", 1, 4, 10)), Calls(), Calls())
    unknown = [Tally(MORNING, 0, 9, "other", "SC"), Tally(MORNING, 0, 9)]
    assert strata.compare(MORNING, unknown) == Comparison()
    assert strata.compare(MORNING - 48, [Tally(MORNING - 48, 0, 9, "g", "SC")]) == Comparison()


def test_a_groups_ratio_is_that_of_its_last_two_whole_hours() -> None:
    usual = calls_of(*(("g", "SC", hour, 4000, 10_000) for hour in range(24)))
    today = calls_of(("g", "SC", 2, 60, 200), ("g", "SC", 3, 20, 200), ("g", "SC", 4, 0, 900))
    strata = Strata(DAY, today, usual, usual)
    assert strata.answered_ratio("g", DAY * 24 + 4) == pytest.approx(0.5)
    assert strata.answered_ratio("g", DAY * 24 + 3) is None  # 200 calls are too few
    assert strata.answered_ratio("other", DAY * 24 + 4) is None


def test_a_ratio_across_midnight_is_held_against_the_days_before_each_hour() -> None:
    earlier = calls_of(("g", "SC", 23, 400, 1000), ("g", "SC", 0, 100, 1000))
    yesterday = calls_of(("g", "SC", 23, 80, 400))
    strata = Strata(DAY, calls_of(("g", "SC", 0, 40, 400)), yesterday, earlier)
    assert strata.answered_ratio("g", DAY * 24 + 1) == pytest.approx(120 / 200)


def hour_of(answered: int, attempts: int, rate: float) -> ComparedHour:
    return ComparedHour(MORNING, frozenset({"g"}), compared(answered, attempts, rate))


def test_a_pool_whose_hours_are_as_chance_has_them_has_no_dispersion() -> None:
    dispersion = Dispersion()
    for answered in (1, 2, 2, 3) * 50:
        dispersion.add(hour_of(answered, 4, 0.5))
    assert dispersion.at(hour_of(0, 4, 0.5)) == 1


def test_an_outage_of_half_a_pool_makes_its_hour_say_less() -> None:
    dispersion = Dispersion()
    for answered in (0, 8) * 100:
        dispersion.add(hour_of(answered, 8, 0.5))
    assert dispersion.at(hour_of(0, 8, 0.5)) == pytest.approx(3.63, abs=0.01)


def test_no_more_than_a_fifth_of_a_group_is_out_and_always_one() -> None:
    guard = Guard()
    for index in range(14):
        guard.add(("sales",), "", is_out=index == 0)
    guard.add((), "", is_out=False)
    assert [guard.spare(("sales",), ""), guard.spare(("sales",), "")] == [True, False]
    assert [guard.spare((), ""), guard.spare((), "")] == [True, False]


@pytest.mark.parametrize(("numbers", "may_go"), [(1, 1), (2, 1), (3, 1), (4, 2), (7, 3)])
def test_no_more_than_half_of_a_places_numbers_are_out(numbers: int, may_go: int) -> None:
    guard = Guard()
    for _ in range(100):
        guard.add(("sales",), "", is_out=False)
    for _ in range(numbers):
        guard.add(("sales",), "新疆喀什", is_out=False)
    gone = [guard.spare(("sales",), "新疆喀什") for _ in range(numbers)]
    assert gone == [True] * may_go + [False] * (numbers - may_go)


def test_a_number_of_two_groups_stays_where_one_of_them_can_spare_none() -> None:
    guard = Guard()
    for _ in range(20):
        guard.add(("sales",), "", is_out=False)
    guard.add(("debts", "sales"), "", is_out=False)
    guard.add(("debts",), "", is_out=True)
    assert not guard.spare(("debts", "sales"), "")
    assert guard.spare(("sales",), "")
