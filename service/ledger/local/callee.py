"""The numbers shown to one callee, and the picks remembered, in the local ledger.

The twin of `lua/5_callees.lua`.
"""

from bisect import bisect_right
from operator import attrgetter
from typing import TypeAlias

import msgspec

from service.ledger.answers import CalleeStanding
from service.ledger.port import Stop
from service.ledger.rules import DAY, Rules

_instant = attrgetter("instant")

Shown: TypeAlias = tuple[tuple[str, str, int], ...]


class Use(msgspec.Struct, gc=False):
    """One pick for a callee; each shown number has its mark and its turn, 0 once it is over."""

    instant: int
    groups: str
    shown: Shown


class CalleeUses(msgspec.Struct, gc=False):
    """The picks for one called number, in their order; by whom and why it is stopped, if it is."""

    stopped: int = 0
    words: tuple[str, str] = ("", "")
    uses: tuple[Use, ...] = ()

    def stop(self, stop: Stop, now: int) -> bool:
        """Refuse it until an instant; returns whether it was refused before."""
        was_stopped = self.stopped > now
        if stop.replaces or stop.until >= self.stopped:
            self.stopped, self.words = stop.until, (stop.by, stop.reason)
        return was_stopped

    def standing(self, rules: Rules, now: int) -> CalleeStanding:
        """Describe its stop, and the uses within the horizon."""
        uses = tuple(
            (use.instant, use.groups, tuple(number for number, _, _ in use.shown))
            for use in self.uses
            if use.instant > now - rules.horizon
        )
        if self.stopped <= now:
            return CalleeStanding(uses=uses)
        return CalleeStanding(self.stopped, *self.words, uses)

    def free_at(self, rules: Rules, now: int) -> int:
        """From when it may be called again, 0 for now: the latest over the rules that are full."""
        free = self.stopped if self.stopped > now else 0
        if self.uses:
            instants = [use.instant for use in self.uses]
            free = max([free, *(rules.within(rule, instants, now)[1] for rule in rules.callee)])
        return free

    def shown_within(self, span: int, now: int) -> set[str]:
        """The numbers that it was shown within a span."""
        recent = (use for use in self.uses if use.instant > now - span)
        return {number for use in recent for number, _, _ in use.shown}

    def sticky(self, groups: str, span: int, now: int) -> str:
        """The number shown last for the same groups within a span, or ""."""
        for use in reversed(self.uses):
            if use.instant <= now - span:
                return ""
            if use.groups == groups:
                return use.shown[0][0]
        return ""

    def remember(self, use: Use, horizon: int, now: int) -> None:
        """Add a pick, and forget those beyond the horizon."""
        kept = tuple([one for one in self.uses if one.instant > now - horizon])
        at = bisect_right(kept, use.instant, key=_instant)
        self.uses = (*kept[:at], use, *kept[at:])

    def disbelieve(self, now: int) -> None:
        """Forget the picks of a clock that was more than a day ahead for a while."""
        while self.uses and self.uses[-1].instant > now + DAY:
            self.uses = self.uses[:-1]

    def undo(self, number: str, instant: int) -> None:
        """Forget the latest pick of an instant that showed a number first."""
        for at in reversed(range(len(self.uses))):
            use = self.uses[at]
            if use.instant == instant and use.shown[0][0] == number:
                self.uses = self.uses[:at] + self.uses[at + 1 :]
                return

    def is_forgotten(self, horizon: int, now: int) -> bool:
        """Return whether nothing of it matters any more."""
        newest = self.uses[-1].instant if self.uses else 0
        return self.stopped <= now and newest <= now - horizon


class RememberedCall(msgspec.Struct, gc=False):
    """A pick that is remembered under its id."""

    body: str
    instant: int
    uses: Shown
    is_over: bool = False
