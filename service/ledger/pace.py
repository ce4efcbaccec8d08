"""Ledger time: it never goes back, and never stands still. Pure; instants are in ms since 1970.

A clock that was set back, or a server that took over with a slower one, would otherwise freeze all
leases, rests and windows until it has caught up. `lua/1_reading.lua` does the same in Redis.
"""

from collections.abc import Callable
from typing import NamedTuple

from service.ledger.rules import DAY


class Slowdown(NamedTuple):
    """The line that ledger time follows while the clock is behind the greatest instant seen.

    It begins where the clock said `clock` and the ledger `since`, and rises at nine tenths of the
    clock's pace.
    """

    clock: int = 0
    since: int = 0

    def at(self, clock: int, latest: int) -> tuple[int, "Slowdown"]:
        """Return ledger time, and the line that it follows from then on.

        A clock that is more than a day behind is believed: what was seen cannot have been right.

        Args:
            clock: the clock's instant.
            latest: the greatest instant seen.
        """
        if not clock < latest <= clock + DAY:
            return clock, self
        now = self.since + (clock - self.clock) * 9 // 10
        if now < latest:
            return latest, Slowdown(clock, latest)
        return now, self


class LedgerClock:
    """The ledger's time in a process that may lose sight of the ledger.

    Once an instant of the ledger was heard, time goes on from there by a clock that nobody sets.
    Until then it is that of the machine.

    Args:
        wall: the machine's instant in ms.
        monotonic: ms that only go forward.
    """

    def __init__(self, wall: Callable[[], int], monotonic: Callable[[], int]) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._ahead: int | None = None

    def __call__(self) -> int:
        """Return the instant in ms."""
        return self._wall() if self._ahead is None else self._monotonic() + self._ahead

    def heard(self, instant: int) -> None:
        """Go on from an instant of the ledger that was decided just now."""
        self._ahead = instant - self._monotonic()
