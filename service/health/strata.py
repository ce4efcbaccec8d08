"""Count calls by stratum, and tell how many of a number's calls are expected to be answered.

A stratum is a group, the callee's province and a band of four hours: what makes calls alike before
a number is shown. Pure; hours and days are counted since 1970.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from service.health.rates import HIGHEST_RATE, Comparison, Tally, compared

HOURS_A_DAY = 24
BAND_HOURS = 4
USUAL_DAYS = 14  # before today, from which it is known what is usual
# What is known of a wider circle of calls weighs as much as so many of the narrower one.
PRIOR_CALLS = 20
# A group's share is that of its last whole hours, and needs so many calls, now and before.
SHARE_HOURS = 2
FEWEST_CALLS = 300

Count = tuple[int, int]  # calls answered, and calls
NO_CALLS: Count = (0, 0)

KeyT = TypeVar("KeyT")


class Calls:
    """The calls of some days: by stratum, and by group and hour of the day.

    `provinces`, `bands` and `groups` sum up the strata.
    """

    def __init__(self) -> None:
        self.strata: dict[tuple[str, str, int], Count] = {}
        self.provinces: dict[tuple[str, str], Count] = {}
        self.bands: dict[tuple[str, int], Count] = {}
        self.groups: dict[str, Count] = {}
        self.hours: dict[tuple[str, int], Count] = {}

    def adding(self, other: "Calls") -> Generator[None, None, None]:
        """Add other calls; others may have a turn whenever it yields."""
        for (group, province, band), count in list(other.strata.items()):
            yield
            self.add_stratum(group, province, band, count)
        for (group, hour), count in list(other.hours.items()):
            self.add_hour(group, hour, count)

    def add_stratum(self, group: str, province: str, band: int, count: Count) -> None:
        """Add calls of one band of the day, 0 to 5."""
        _add(self.strata, (group, province, band), count)
        _add(self.provinces, (group, province), count)
        _add(self.bands, (group, band), count)
        _add(self.groups, group, count)

    def add_hour(self, group: str, hour: int, count: Count) -> None:
        """Add calls of one hour of the day, 0 to 23."""
        _add(self.hours, (group, hour), count)


class _Circles(NamedTuple):
    """The calls of today around those of one stratum in one hour, and how they usually differ.

    `usual` is the rate of the group in this band on most days; by `factor` the stratum's usually
    differs from it, by `hourly` that of the hour. `certainty` says how well the province is known.
    """

    of_stratum: Count
    of_band: Count
    of_hour: Count
    usual: float
    factor: float
    hourly: float
    certainty: float

    def rate_without(self, stratum: Count, band: Count, hour: Count) -> float:
        """Return the rate to expect, less a number's own calls of each circle."""
        level = _shrunk(self.of_band, self.usual, band)
        alike = _shrunk(self.of_stratum, level * self.factor, stratum)
        at_hour = _shrunk(self.of_hour, level * self.hourly, hour)
        return min(alike * at_hour / level, HIGHEST_RATE)


class Strata:
    """The calls with which those of a number are compared.

    Args:
        day: today.
        today: its calls so far.
        yesterday: those of the day before.
        earlier: those of the days before that, together; `USUAL_DAYS` with yesterday.
    """

    def __init__(self, day: int, today: Calls, yesterday: Calls, earlier: Calls) -> None:
        self._by_day = {day: today, day - 1: yesterday}
        self._all = (earlier, yesterday, today)
        self._circles: dict[tuple[str, str, int], _Circles | None] = {}

    def compare(self, hour: int, own: Sequence[Tally]) -> Comparison:
        """Compare a number's calls of an hour with calls like them.

        Calls of which nothing alike is known say nothing and are left out.

        Args:
            hour: since 1970.
            own: all calls of the number in the same band, those of the hour among them: they are
                no part of what it is compared with.
        """
        mine = _own_calls(hour, own)
        total = Comparison()
        for tally in own:
            if tally.hour != hour:
                continue
            key = tally.group, tally.province, hour
            if key not in self._circles:
                self._circles[key] = self._look_up(*key)
            if (circles := self._circles[key]) is not None:
                without = (mine[tally.group, at] for at in (tally.province, "band", "hour"))
                rate = circles.rate_without(*without)
                total += compared(tally.answered, tally.attempts, rate, circles.certainty)
        return total

    def answered_ratio(self, group: str, hour: int) -> float | None:
        """Return a group's answered share of the last whole hours against what is usual then.

        Args:
            group: as the calls name it.
            hour: the one that runs.

        Returns:
            1 for as many answered as on the days before at the same hours; None where there were
            too few calls to tell, then or now.
        """
        answered = now = before = 0
        expected = 0.0
        for day, at in (divmod(past, HOURS_A_DAY) for past in range(hour - SHARE_HOURS, hour)):
            today = self._by_day[day]
            calls = today.hours.get((group, at), NO_CALLS)
            earlier = self._all[: self._all.index(today)]
            usual = _total((part.hours for part in earlier), (group, at))
            answered, now, before = answered + calls[0], now + calls[1], before + usual[1]
            expected += calls[1] * usual[0] / max(usual[1], 1)
        return answered / expected if min(now, before) >= FEWEST_CALLS and expected else None

    def _look_up(self, group: str, province: str, hour: int) -> _Circles | None:
        day, at = divmod(hour, HOURS_A_DAY)
        band = at // BAND_HOURS
        today = self._by_day.get(day)
        answered, attempts = _total((part.groups for part in self._all), group)
        if today is None or not answered:
            return None
        of_band = _total((part.bands for part in self._all), (group, band))
        of_hour = _total((part.hours for part in self._all), (group, at))
        of_stratum = _total((part.strata for part in self._all), (group, province, band))
        of_province = _total((part.provinces for part in self._all), (group, province))
        usual = _shrunk(of_band, answered / attempts)
        factor = _shrunk(of_province, answered / attempts) * attempts / answered
        return _Circles(
            today.strata.get((group, province, band), NO_CALLS),
            today.bands.get((group, band), NO_CALLS),
            today.hours.get((group, at), NO_CALLS),
            usual,
            _shrunk(of_stratum, usual * factor) / usual,
            _shrunk(of_hour, usual) / usual,
            of_province[1] / (of_province[1] + PRIOR_CALLS),
        )


def _own_calls(hour: int, own: Iterable[Tally]) -> dict[tuple[str, str], Count]:
    """A number's calls in the band of an hour: by stratum, by group, and by group in that hour."""
    counts: dict[tuple[str, str], Count] = {}
    for tally in own:
        if tally.hour // BAND_HOURS == hour // BAND_HOURS:
            hourly = ("hour",) if tally.hour == hour else ()
            for circle in (tally.province, "band", *hourly):
                _add(counts, (tally.group, circle), (tally.answered, tally.attempts))
    return counts


def _shrunk(count: Count, rate: float, less: Count = NO_CALLS) -> float:
    """The rate of some calls less others, drawn to another rate by `PRIOR_CALLS`."""
    answered, calls = max(count[0] - less[0], 0), max(count[1] - less[1], 0)
    return (answered + PRIOR_CALLS * rate) / (calls + PRIOR_CALLS)


def _add(counts: dict[KeyT, Count], key: KeyT, count: Count) -> None:
    answered, calls = counts.get(key, NO_CALLS)
    counts[key] = answered + count[0], calls + count[1]


def _total(parts: Iterable[Mapping[KeyT, Count]], key: KeyT) -> Count:
    answered = calls = 0
    for part in parts:
        more = part.get(key, NO_CALLS)
        answered, calls = answered + more[0], calls + more[1]
    return answered, calls
