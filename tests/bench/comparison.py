"""What a pick costs in one checkout to what it costs in another, from rounds measured in pairs.

A cost above 1 always means that this checkout is slower: rates are turned over. The interval is the
percentile bootstrap of the median, from a fixed seed, so that the same rounds give the same table.
"""

from collections.abc import Sequence
from random import Random
from statistics import median, quantiles

import msgspec

MOST = 1.05  # what an interval may reach
# The most at which a row is called slower. Ten rows are read at once: at the 2.5 % of the interval
# for each, one run in four on a noisy machine would blame equal code.
DOUBT = 0.0025
RESAMPLES = 5000


class Pairs(msgspec.Struct, frozen=True):
    """A figure of both checkouts, round by round."""

    what: str
    unit: str
    this: Sequence[float]
    base: Sequence[float]
    more_is_better: bool = False

    @property
    def costs(self) -> list[float]:
        """The cost of this checkout to that of the base in each round."""
        pairs = zip(self.this, self.base, strict=True)
        if self.more_is_better:
            return [base / this for this, base in pairs]
        return [this / base for this, base in pairs]


class Comparison(msgspec.Struct, frozen=True):
    """A row: the medians of a figure, and the cost with its interval of 95 %.

    `doubt` is the share of the resampled rounds by which this checkout is no slower.
    """

    what: str
    unit: str
    this: float
    base: float
    cost: float
    low: float
    high: float
    doubt: float

    @property
    def verdict(self) -> str:
        """`ok` up to `MOST`; `slower` if that is no chance; else it takes more rounds to say."""
        if self.high <= MOST:
            return "ok"
        return "slower" if self.cost > MOST and self.doubt < DOUBT else "unclear"

    @property
    def text(self) -> str:
        """The row as a person reads it."""
        sides = f"{_short(self.this):>8} {_short(self.base):>8} {self.unit:<4}"
        cost = f"{self.cost:>7.3f} {self.low:>7.3f} – {self.high:.3f}"
        return f"{self.what:<42}{sides}{cost}  {self.verdict}"


HEADER = f"{'':<42}{'this':>8} {'base':>8} {'':<4}{'cost':>7} {'95 % interval':>15}"


def compared(pairs: Pairs) -> Comparison:
    """Make the row of these rounds."""
    medians = _resampled(pairs.costs)
    low, *_, high = quantiles(medians, n=40, method="inclusive")
    return Comparison(
        pairs.what,
        pairs.unit,
        median(pairs.this),
        median(pairs.base),
        median(pairs.costs),
        low,
        high,
        doubt=sum(cost <= 1 for cost in medians) / RESAMPLES,
    )


def _resampled(values: Sequence[float]) -> list[float]:
    """Draw as many values again and again, and return the median of each draw."""
    randomness = Random(1)
    return [median(randomness.choices(values, k=len(values))) for _ in range(RESAMPLES)]


def _short(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"
