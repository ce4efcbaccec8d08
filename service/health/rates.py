"""Weigh a number's calls against what calls like them are answered.

Pure arithmetic over counted calls. What follows from it for a number is decided in `rules`.
"""

from math import log, log1p

import msgspec

# The two beliefs between which evidence decides: a number in trouble is answered that part of what
# is expected, a sound one all of it. Numbers of different places are always somewhat apart.
TROUBLED = 0.6
# No hour says more than this: one bad hour is an outage, or a list of people who do not answer.
MOST_OF_AN_HOUR = 3.0
HIGHEST_RATE = 0.98  # nothing is expected for certain


class Tally(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A number's calls of one hour since 1970 and one stratum: calls answered, of how many.

    `group` and `province` name the stratum as a use's mark does; "" in tallies from before strata.
    """

    hour: int
    answered: int
    attempts: int
    group: str = ""
    province: str = ""


class Comparison(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A number's calls beside calls like them; those of several hours add up.

    `expected` is how many of such calls are answered, with its `variance`; `evidence` says above 0
    that the number is in trouble, below 0 that it is not.
    """

    answered: float = 0
    attempts: float = 0
    expected: float = 0
    variance: float = 0
    evidence: float = 0

    def __add__(self, other: "Comparison") -> "Comparison":
        """Both together."""
        return Comparison(
            self.answered + other.answered,
            self.attempts + other.attempts,
            self.expected + other.expected,
            self.variance + other.variance,
            self.evidence + other.evidence,
        )


def compared(answered: int, attempts: int, rate: float, certainty: float = 1.0) -> Comparison:
    """Compare some calls with the rate that is expected of them.

    The evidence is the logarithm of how much likelier the calls are if each is answered with
    `TROUBLED` times the rate than with the rate.

    Args:
        answered: how many were answered.
        attempts: how many there were.
        rate: above 0 and below 1.
        certainty: how well the rate is known, from 0 to 1: the evidence counts for so much.
    """
    ratio = answered * log(TROUBLED) + (attempts - answered) * (
        log1p(-TROUBLED * rate) - log1p(-rate)
    )
    expected = attempts * rate
    return Comparison(answered, attempts, expected, expected * (1 - rate), certainty * ratio)


def evidence_of_hour(calls: Comparison, dispersion: float) -> float:
    """Return how far an hour moves a number's score.

    Args:
        calls: those of the hour.
        dispersion: by how much hours vary more in this pool than calls that know nothing of each
            other would; 1 or more.
    """
    return max(-MOST_OF_AN_HOUR, min(calls.evidence, MOST_OF_AN_HOUR)) / dispersion
