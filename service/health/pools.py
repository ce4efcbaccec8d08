"""What the numbers of a pool say of each other: how far apart they are, and who may still go.

Pure.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from math import sqrt

import msgspec

from service.health.rates import Comparison

# Where more is bad than these shares, it is not the numbers: the rest could not carry the calls.
MOST_OUT_OF_GROUP = 0.2
MOST_OUT_OF_PLACE = 0.5
# The dispersion begins at 1, with the weight of so many hours of a number.
PRIOR_HOURS = 20
# Beyond two standard deviations it may be a bad number, which says no more of its pool.
MOST_OF_A_NUMBER = 4.0


class ComparedHour(msgspec.Struct, frozen=True, gc=False):
    """One hour of a number: the groups that called, and their calls beside calls like them."""

    hour: int
    groups: frozenset[str]
    calls: Comparison


class Dispersion:
    """By how much the hours of a group's numbers vary more than chance alone would have them.

    The mean of their squared deviations from what was expected, each by its variance, and 1 at
    least. An outage that some numbers meet and others do not shows here, in its hour.
    """

    def __init__(self) -> None:
        self._squares: defaultdict[tuple[str, int], float] = defaultdict(float)
        self._numbers: Counter[tuple[str, int]] = Counter()

    def add(self, compared: ComparedHour) -> None:
        """Add one hour of one number."""
        calls = compared.calls
        if calls.variance:
            for group in compared.groups:
                key = group, compared.hour
                square = (calls.answered - calls.expected) ** 2 / calls.variance
                self._squares[key] += min(square, MOST_OF_A_NUMBER)
                self._numbers[key] += 1

    def at(self, compared: ComparedHour) -> float:
        """Return the dispersion in an hour, the greatest over its groups."""
        return max(1.0, *(self._of(group, compared.hour) for group in compared.groups))

    def _of(self, group: str, hour: int) -> float:
        squares, numbers = self._squares[group, hour], self._numbers[group, hour]
        mean = (squares + PRIOR_HOURS) / (numbers + PRIOR_HOURS)
        return mean - sqrt(2 / (numbers + 1))  # so much may be chance


class Guard:
    """Keeps enough of each group, and of each place within it, in rotation."""

    def __init__(self) -> None:
        self._numbers: Counter[tuple[str, str]] = Counter()
        self._out: Counter[tuple[str, str]] = Counter()

    def add(self, groups: tuple[str, ...], place: str, *, is_out: bool) -> None:
        """Count a number in, with every group that it has; each number once.

        Args:
            groups: all of the number's; none for an agent's.
            place: the number's own, "" for none.
            is_out: it has not its full duty.
        """
        for circle in _circles(groups, place):
            self._numbers[circle] += 1
            self._out[circle] += is_out

    def spare(self, groups: tuple[str, ...], place: str) -> bool:
        """Take one more number out; False where too many are out already. One always may go."""
        circles = list(_circles(groups, place))
        for circle in circles:
            share = MOST_OUT_OF_PLACE if circle[1] else MOST_OUT_OF_GROUP
            if self._out[circle] + 1 > max(1, share * self._numbers[circle]):
                return False
        self._out.update(circles)
        return True


def _circles(groups: tuple[str, ...], place: str) -> Iterator[tuple[str, str]]:
    """Each group of a number, and the number's place within it."""
    for group in groups or ("",):
        yield group, ""
        if place:
            yield group, place
