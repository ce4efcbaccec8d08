"""Compare a number's answer rate with its pool's in the same hours, and how sure that is.

Pure arithmetic over counted calls. What follows from it for a number is decided in `rules`.
"""

from collections.abc import Iterable, Mapping
from math import exp, lgamma, log, log1p, sqrt

import msgspec

# Below this part of its pool's rate a number is in trouble; above it, it is among those that are
# somewhat better and somewhat worse, as numbers of different places always are.
MARGIN = 0.8
# The pool's word on a number that nothing is known of: worth that many calls.
PRIOR_CALLS = 20
# The pool's own rate is taken that many standard errors lower: a small pool proves little.
CAUTION = 2.0

_ACCURACY = 1e-12
_TINY = 1e-300

Pool = Mapping[int, tuple[int, int]]  # by hour since 1970: calls answered, and calls


class Tally(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One hour since 1970: how many calls were answered, of how many."""

    hour: int
    answered: int
    attempts: int


class Comparison(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A number's calls beside those of its peers; of disjoint hours they add up.

    `expected` is how many calls peers would have had answered, with its `variance`.
    """

    answered: float = 0
    attempts: float = 0
    expected: float = 0
    variance: float = 0

    def __add__(self, other: "Comparison") -> "Comparison":
        """Both together."""
        return Comparison(
            self.answered + other.answered,
            self.attempts + other.attempts,
            self.expected + other.expected,
            self.variance + other.variance,
        )

    def at_most(self, attempts: int) -> "Comparison":
        """No more calls than these, in the same proportions: the oldest fade, call by call."""
        if self.attempts <= attempts:
            return self
        kept = attempts / self.attempts
        return Comparison(
            self.answered * kept, attempts, self.expected * kept, self.variance * kept
        )


def compare(tallies: Iterable[Tally], pool: Pool) -> Comparison:
    """Weigh each hour of the pool by what the number did in it, so noon is compared with noon.

    Hours in which no peer made a call say nothing and are left out.

    Args:
        tallies: the number's hours.
        pool: the whole pool's hours, the number's own calls among them.
    """
    answered = attempts = 0
    expected = variance = 0.0
    for tally in tallies:
        of_all, calls = pool.get(tally.hour, (0, 0))
        peers = calls - tally.attempts
        if peers <= 0:
            continue
        had = of_all - tally.answered
        answered += tally.answered
        attempts += tally.attempts
        expected += tally.attempts * had / peers
        smooth = (had + 0.5) / (peers + 1)  # one hour with none answered is no certainty
        variance += tally.attempts**2 * smooth * (1 - smooth) / peers
    return Comparison(answered, attempts, expected, variance)


def probability_below(comparison: Comparison) -> float:
    """Return the probability that the number's rate is below `MARGIN` of its pool's.

    Beta-Binomial: the prior is the pool's rate with the weight of `PRIOR_CALLS`, the posterior
    adds the number's own calls.

    Returns:
        The posterior probability, 0 where there is nothing to compare.
    """
    answered, attempts = comparison.answered, comparison.attempts
    certain = comparison.expected - CAUTION * sqrt(comparison.variance)
    if certain <= 0 or answered >= attempts:
        return 0.0
    rate = min(1.0, certain / attempts)
    a = PRIOR_CALLS * rate + answered
    b = PRIOR_CALLS * (1 - rate) + attempts - answered
    return beta_below(MARGIN * rate, a, b)


def beta_below(x: float, a: float, b: float) -> float:
    """The chance that a Beta(a, b) falls below x: the regularised incomplete beta function.

    By its continued fraction, on the side of the mean where it converges fast (Abramowitz and
    Stegun 26.5.8, evaluated as Lentz does).

    Args:
        x: between 0 and 1.
        a: above 0.
        b: above 0.
    """
    if not 0 < x < 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_below(1 - x, b, a)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
    return front * _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    """1/(1+d₁/(1+d₂/(1+…))), from the first term on."""
    upper, lower = 1.0, 1 / _kept_from_zero(1 - (a + b) * x / (a + 1))
    value, step, m = lower, 0.0, 0
    while abs(step - 1) > _ACCURACY:
        m += 1
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            lower = 1 / _kept_from_zero(1 + term * lower)
            upper = _kept_from_zero(1 + term / upper)
            step = lower * upper
            value *= step
    return value


def _kept_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
