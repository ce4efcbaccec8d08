"""The comparison of a number with its pool, and how sure it is."""

from itertools import pairwise
from math import asin, comb, pi, sqrt
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.health.rates import Comparison, Tally, beta_below, compare, probability_below

parts = st.floats(0.001, 0.999)
whole = st.integers(1, 400)


def binomial_tail(x: float, a: int, b: int) -> float:
    """The chance of `a` or more successes in a+b-1 trials: what a whole-numbered Beta equals."""
    n = a + b - 1
    return sum(comb(n, k) * x**k * (1 - x) ** (n - k) for k in range(a, n + 1))


@given(x=parts, a=whole, b=whole)
def test_a_beta_of_whole_parameters_is_a_binomial_tail(x: float, a: int, b: int) -> None:
    assert beta_below(x, a, b) == pytest.approx(binomial_tail(x, a, b), rel=1e-8, abs=1e-12)


@given(x=parts)
def test_a_beta_of_two_halves_is_the_arcsine_law(x: float) -> None:
    assert beta_below(x, 0.5, 0.5) == pytest.approx(2 / pi * asin(sqrt(x)), abs=1e-10)


@given(x=parts, a=st.floats(0.01, 5000), b=st.floats(0.01, 5000))
def test_a_beta_is_a_probability_and_mirrors_itself(x: float, a: float, b: float) -> None:
    below = beta_below(x, a, b)
    assert -1e-9 <= below <= 1 + 1e-9
    assert below == pytest.approx(1 - beta_below(1 - x, b, a), abs=1e-8)


@pytest.mark.parametrize(
    ("x", "a", "b", "expected"),
    [(0.4, 2, 3, 0.5248), (0.5, 7, 7, 0.5), (0.3, 1, 1, 0.3), (0, 2, 3, 0), (1, 2, 3, 1)],
)
def test_a_beta_has_its_known_values(x: float, a: float, b: float, expected: float) -> None:
    assert beta_below(x, a, b) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("x", "a", "b"), [(0.3, 12.5, 40.0), (0.25, 80.0, 260.0), (0.1, 0.7, 9.0)])
def test_a_beta_agrees_with_draws_from_it(x: float, a: float, b: float) -> None:
    randomness, draws = Random(7), 20_000
    drawn = sum(randomness.betavariate(a, b) < x for _ in range(draws)) / draws
    assert beta_below(x, a, b) == pytest.approx(drawn, abs=4 * 0.5 / sqrt(draws))


def test_a_number_that_calls_at_noon_is_compared_with_the_pool_at_noon() -> None:
    noon, evening = 12, 19
    ours = [Tally(noon, 10, 50), Tally(evening, 0, 0)]
    pool = {noon: (10 + 40, 50 + 200), evening: (900, 1000)}
    seen = compare(ours, pool)
    assert (seen.answered, seen.attempts) == (10, 50)
    assert seen.expected == pytest.approx(50 * 40 / 200)


def test_its_own_calls_are_no_part_of_what_a_number_is_compared_with() -> None:
    assert compare([Tally(1, 0, 100)], {1: (50, 200)}).expected == pytest.approx(50)


def test_an_hour_in_which_no_peer_called_says_nothing() -> None:
    alone = [Tally(1, 0, 100), Tally(2, 0, 100)]
    assert compare(alone, {1: (0, 100)}) == Comparison()


def test_with_nothing_to_compare_nothing_is_sure() -> None:
    assert probability_below(Comparison()) == 0
    assert probability_below(Comparison(answered=5, attempts=5, expected=5.0)) == 0


def test_a_small_pool_proves_less_than_a_large_one() -> None:
    ours = [Tally(1, 10, 60)]
    small = probability_below(compare(ours, {1: (10 + 12, 60 + 30)}))
    large = probability_below(compare(ours, {1: (10 + 1200, 60 + 3000)}))
    assert small < 0.5
    assert large > 0.9


@given(attempts=st.integers(30, 500), expected=parts)
def test_the_fewer_answer_the_surer_it_is(attempts: int, expected: float) -> None:
    sure = [
        probability_below(Comparison(answered, attempts, expected * attempts))
        for answered in range(attempts + 1)
    ]
    assert all(one >= other - 1e-9 for one, other in pairwise(sure))


def test_a_sum_fades_in_its_proportions() -> None:
    faded = Comparison(60, 300, 90.0, 12.0).at_most(150)
    assert faded == Comparison(30, 150, 45.0, 6.0)
    assert faded.at_most(150) is faded
