"""The pauses between attempts."""

import random

import pytest

from service.ccc.replies import Failure
from service.ccc.requests import pause_after
from service.errors import CccThrottled

THROTTLED = CccThrottled("Throttling", "too many")


@pytest.mark.parametrize(("attempt", "longest"), [(1, 0.5), (2, 1.0)])
@pytest.mark.parametrize("asked_for", [0.0, 2.0])
def test_pauses_spread_over_a_range_that_doubles_on_top_of_what_ccc_asks_for(
    attempt: int, longest: float, asked_for: float
) -> None:
    failure = Failure(THROTTLED, retry_after=asked_for)
    randomness = random.Random(7)
    pauses = [pause_after(attempt, failure, randomness) for _ in range(200)]
    assert asked_for <= min(pauses) < asked_for + longest * 0.1
    assert asked_for + longest * 0.9 < max(pauses) <= asked_for + longest
