"""One caller number in this process's ledger: when and how often it was used, and what holds it.

The twin of `lua/3_callers.lua`.
"""

from typing import Any

import msgspec

from service.ledger.record import UNUSED, KnownUse
from service.ledger.rules import DAY, HOUR, Limits, Rules

LIMIT_REASONS = ("max_per_hour", "max_per_day", "max_concurrent", "rest")

# Shared by all that have nothing: these are replaced, and never changed where they stand.
_NONE: dict[Any, int] = {}


class Caller(msgspec.Struct, gc=False):
    """The uses of one number; `leases` has the end of each by its turn.

    `before` is what the shared ledger counted, of which a process that decides alone may use up
    its share of what was left.
    """

    turn: int
    hour: int = 0
    in_hour: int = 0
    day: int = 0
    in_day: int = 0
    last: int = 0
    cap: int = 0
    leases: dict[int, int] = msgspec.field(default_factory=lambda: _NONE)
    avoid: dict[str, int] = msgspec.field(default_factory=lambda: _NONE)
    before: KnownUse = UNUSED

    def used_in_hour(self, rules: Rules, now: int) -> int:
        """Its uses in the hour of the calendar around an instant."""
        return self.in_hour if self.hour == rules.window(now, HOUR)[0] else 0

    def used_in_day(self, rules: Rules, now: int) -> int:
        """Its uses in the day around an instant."""
        return self.in_day if self.day == rules.window(now, DAY)[0] else 0

    def open_leases(self, now: int, span: int) -> dict[int, int]:
        """Its leases whose end has not come, but for those of a clock that nobody believes."""
        latest = now + DAY + span
        return {turn: ends for turn, ends in self.leases.items() if now < ends <= latest}

    def count(self, change: int, instant: int, hour: int, day: int) -> None:
        """Add to the counts of the hour and day that began then, if the instant lies in them."""
        if self.hour != hour:
            self.hour, self.in_hour = hour, 0
        if self.day != day:
            self.day, self.in_day = day, 0
        if instant >= hour and self.in_hour + change >= 0:
            self.in_hour += change
        if instant >= day and self.in_day + change >= 0:
            self.in_day += change

    def lease(self, turn: int, instant: int, now: int, span: int) -> None:
        """Open a lease of this span under a turn, unless its end has come."""
        if instant + span > now:
            self.leases = self.open_leases(now, span) | {turn: instant + span}

    def lease_until(self, ends: int) -> int:
        """Return the turn of the first lease that ends at an instant, 0 where there is none."""
        return next((turn for turn, end in self.leases.items() if end == ends), 0)

    def close_lease(self, ends: int) -> None:
        """Close the first lease that ends at an instant."""
        closed = self.lease_until(ends)
        self.leases = {turn: end for turn, end in self.leases.items() if turn != closed}

    def adopt(self, known: KnownUse) -> None:
        """Go on from what the shared ledger knows; the turn stays this process's own.

        What it knew earlier is passed over, and no count is taken back: uses of this process may
        wait to be written there. But where it was used by a clock that nobody believes any more,
        that is forgotten.
        """
        if is_outdated(known.last, self.before.last):
            return
        if known.last < self.before.last:
            self.hour = self.day = self.last = 0
        self.before = known
        if known.hour >= self.hour:
            held = self.in_hour if self.hour == known.hour else 0
            self.hour, self.in_hour = known.hour, max(held, known.in_hour)
        if known.day >= self.day:
            held = self.in_day if self.day == known.day else 0
            self.day, self.in_day = known.day, max(held, known.in_day)
        self.last, self.cap = max(self.last, known.last), known.cap
        self.leases = dict(zip(known.leases[::2], known.leases[1::2], strict=True)) or _NONE
        self.avoid = dict(known.avoid) or _NONE

    def holds(
        self, rules: Rules, limits: Limits, now: int, sharing: int = 1
    ) -> list[tuple[str, int]]:
        """Return the reasons that its limits give to keep it out now, each with its end.

        Args:
            rules: for the windows.
            limits: what holds for it.
            now: the instant.
            sharing: how many processes decide apart; what was left of a cap is divided by them.
        """
        found = []
        before = self.before
        # No share of a cap is less than this part of it, so most need not be worked out.
        if (cap := limits.max_per_hour) and self.in_hour >= cap // sharing:
            hour, end = rules.window(now, HOUR)
            share = _share(cap, before.in_hour * (before.hour == hour), sharing)
            if self.hour == hour and self.in_hour >= share:
                found.append(("max_per_hour", end))
        cap = lower(limits.max_per_day, self.cap)
        if cap and self.in_day >= cap // sharing:
            day, end = rules.window(now, DAY)
            share = _share(cap, before.in_day * (before.day == day), sharing)
            if self.day == day and self.in_day >= share:
                found.append(("max_per_day", end))
        if (most := limits.max_concurrent) and len(self.leases) >= most // sharing:
            ends = self.open_leases(now, limits.lease).values()
            open_before = sum(_is_open(end, now, limits.lease) for end in before.leases[1::2])
            if len(ends) >= _share(most, open_before, sharing):
                found.append(("max_concurrent", min(ends)))
        if limits.rest and self.last and now - limits.rest < self.last <= now + DAY:
            found.append(("rest", self.last + limits.rest))
        return found


def is_outdated(last: float, before: float) -> bool:
    """Return whether a last use is before another's, which was by a clock that is believed."""
    return last < before and not 0 < last < before - DAY


def lower(one: int, other: int) -> int:
    """The lower of two caps, of which 0 is none."""
    return min(one, other) if one and other else max(one, other)


def _is_open(ends: int, now: int, span: int) -> bool:
    return now < ends <= now + DAY + span


def _share(cap: int, before: int, sharing: int) -> int:
    """A cap in one of several processes: its part of what was left, and at least one use of it."""
    return before + max(1, (cap - before) // sharing) if cap > before else cap
