"""Compare two arms by their counts: the difference, its error, and whether it may be chance.

Calls of one callee do not stand for themselves, so the error is taken over buckets of callees. The
test is a mixture sequential probability ratio test (Robbins 1970; Johari, Pekelis and Walsh 2015),
which holds whenever and however often one looks. Pure.
"""

from collections.abc import Sequence
from math import log, sqrt
from typing import Literal

import msgspec

from service.experiment.arms import ArmCalls

Verdict = Literal["undecided", "local", "any"]

SURENESS = 20  # how much likelier an effect is to be than none before it counts: errors below 1/20
FEWEST_CALLS = 500  # of an arm; with fewer the error itself is not known


class Difference(msgspec.Struct, frozen=True):
    """The share answered in `local` less that in `any`, and the interval that covers the truth."""

    value: float
    low: float
    high: float

    @property
    def verdict(self) -> Verdict:
        """The arm that is answered more often."""
        if self.low > 0:
            return "local"
        return "any" if self.high < 0 else "undecided"


def difference(
    local: Sequence[ArmCalls], other: Sequence[ArmCalls], minimum_effect: float
) -> Difference | None:
    """Compare the arms; None where there are too few calls to tell.

    Args:
        local: the calls of the one by buckets.
        other: those of the other.
        minimum_effect: the difference that is worth knowing of; for it the test is at its best.
    """
    totals = total_of(local), total_of(other)
    if min(total.calls for total in totals) < FEWEST_CALLS:
        return None
    variance = _variance(local, totals[0]) + _variance(other, totals[1])
    if not variance:
        return None
    value = totals[0].answered / totals[0].calls - totals[1].answered / totals[1].calls
    mixed = variance + minimum_effect**2
    width = 2 * log(SURENESS) + log(mixed / variance)
    reach = sqrt(variance * mixed * width) / minimum_effect
    return Difference(value, value - reach, value + reach)


def total_of(buckets: Sequence[ArmCalls]) -> ArmCalls:
    """Add up the calls of some buckets."""
    return ArmCalls(
        sum(bucket.calls for bucket in buckets), sum(bucket.answered for bucket in buckets)
    )


def _variance(buckets: Sequence[ArmCalls], total: ArmCalls) -> float:
    """The variance of the share answered, from how far the buckets are from it."""
    share = total.answered / total.calls
    squares = sum((bucket.answered - share * bucket.calls) ** 2 for bucket in buckets)
    return squares * len(buckets) / (len(buckets) - 1) / total.calls**2
