"""One caller number in this process's ledger: when and how often it was used, and what holds it.

The twin of `lua/3_callers.lua`.
"""

from service.ledger.rules import DAY, HOUR, Limits, Rules

LIMIT_REASONS = ("max_per_hour", "max_per_day", "max_concurrent", "rest")


class Caller:
    """What is known of a number's use; `leases` has the end of each by its turn."""

    __slots__ = (
        "avoid",
        "cap",
        "day",
        "hour",
        "in_day",
        "in_hour",
        "last",
        "leases",
        "parks",
        "turn",
    )

    def __init__(self, turn: int) -> None:
        self.turn = turn
        self.hour = self.in_hour = self.day = self.in_day = self.last = self.cap = 0
        self.leases: dict[int, int] = {}
        self.parks: dict[str, int] = {}
        self.avoid: dict[str, int] = {}

    def used_in_hour(self, rules: Rules, now: int) -> int:
        """Its uses in the hour of the calendar around an instant."""
        return self.in_hour if self.hour == rules.window(now, HOUR)[0] else 0

    def used_in_day(self, rules: Rules, now: int) -> int:
        """Its uses in the day around an instant."""
        return self.in_day if self.day == rules.window(now, DAY)[0] else 0

    def open_leases(self, now: int) -> dict[int, int]:
        """Its leases whose end has not come."""
        return {turn: ends for turn, ends in self.leases.items() if ends > now}

    def count(self, change: int, instant: int, rules: Rules, now: int) -> None:
        """Add to the counts of the windows around now, if the instant lies in them."""
        hour, day = rules.window(now, HOUR)[0], rules.window(now, DAY)[0]
        in_hour, in_day = self.used_in_hour(rules, now), self.used_in_day(rules, now)
        self.in_hour = max(0, in_hour + change) if instant >= hour else in_hour
        self.in_day = max(0, in_day + change) if instant >= day else in_day
        self.hour, self.day = hour, day

    def lease(self, turn: int, ends: int, now: int) -> None:
        """Open a lease under a turn, unless its end has come."""
        if ends > now:
            self.leases = self.open_leases(now) | {turn: ends}

    def close_lease(self, ends: int) -> None:
        """Close the first lease that ends at an instant."""
        for turn, end in self.leases.items():
            if end == ends:
                del self.leases[turn]
                return

    def holds(self, rules: Rules, limits: Limits, now: int) -> list[tuple[str, int]]:
        """What keeps it out by its limits now, each with the instant at which it no longer does."""
        found = []
        if limits.max_per_hour and self.used_in_hour(rules, now) >= limits.max_per_hour:
            found.append(("max_per_hour", rules.window(now, HOUR)[1]))
        cap = _lower(limits.max_per_day, self.cap)
        if cap and self.used_in_day(rules, now) >= cap:
            found.append(("max_per_day", rules.window(now, DAY)[1]))
        if limits.max_concurrent:
            ends = self.open_leases(now).values()
            if len(ends) >= limits.max_concurrent:
                found.append(("max_concurrent", min(ends)))
        if limits.rest and self.last and self.last + limits.rest > now:
            found.append(("rest", self.last + limits.rest))
        return found


def _lower(one: int, other: int) -> int:
    """The lower of two caps, of which 0 is none."""
    return min(one, other) if one and other else max(one, other)
