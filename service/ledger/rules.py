"""The rules of an instance as a ledger applies them, sent along with every call.

They are data: what an operator changes takes hold with the next call, on whatever ledger decides.
Spans are in ms. 0 is no limit and no span.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache

import msgspec

HOUR = 3_600_000
DAY = 86_400_000


class Limits(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The limits on the use of one caller number."""

    max_per_hour: int = 0
    max_per_day: int = 0
    max_concurrent: int = 0
    lease: int = HOUR
    rest: int = 0


_ends_in_trunks = re.compile(r"(.*)\|trunks=([0-9]+)").fullmatch


def with_trunks(name: str, trunks: int) -> str:
    """The name of these limits with another `max_concurrent`, that of the number's own line.

    The name carries the value: whoever meets it can apply it, also a replica that has not heard of
    the number yet, and no call has to bring along all the values that there are.
    """
    return f"{name}|trunks={trunks}"


@lru_cache(maxsize=1024)
def read_trunks(name: str) -> tuple[str, int]:
    """Return a name without the `max_concurrent` of a number's own line, and that, 0 for none."""
    found = _ends_in_trunks(name)
    return (found[1], int(found[2])) if found else (name, 0)


@lru_cache(maxsize=1024)
def _concurrent(limits: Limits, most: int) -> Limits:
    return msgspec.structs.replace(limits, max_concurrent=most)


class CalleeRule(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """At most `limit` picks for one callee in a window: sliding, or by the calendar."""

    limit: int
    window: int
    by_calendar: bool


class Rules(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """All rules of one instance.

    `limits` are by name: "" for most numbers, others for those that an override names. `offsets`
    are the offsets from UTC around now, each with the instant from which it holds, in order.
    `remembered` is how long a pick must be known to the outcome that follows it.
    """

    limits: dict[str, Limits] = msgspec.field(default_factory=lambda: {"": Limits()})
    callee: tuple[CalleeRule, ...] = ()
    cooldown: int = 0
    sticky: int = 0
    idempotency: int = 300_000
    remembered: int = 0
    offsets: tuple[tuple[int, int], ...] = ((0, 0),)

    @property
    def horizon(self) -> int:
        """The span for which a callee's picks must be known, 0 where no rule asks."""
        windows = [one.window for one in self.callee]
        return max(self.cooldown, self.sticky, self.remembered, *windows)

    @property
    def call_span(self) -> int:
        """The span for which a call's pick must be known."""
        return max(self.idempotency, self.remembered)

    def limits_named(self, name: str) -> Limits:
        """The limits of a name; the common ones where no override has it any more.

        A name may end in the number's own `max_concurrent`, see `with_trunks`.
        """
        if limits := self.limits.get(name):
            return limits
        of, trunks = read_trunks(name)
        limits = self.limits.get(of) or self.limits[""]
        return _concurrent(limits, trunks) if trunks else limits

    def offset_at(self, instant: int) -> int:
        """The offset from UTC at an instant."""
        offset = self.offsets[0][1]
        for since, then in self.offsets:
            if since <= instant:
                offset = then
        return offset

    def window(self, instant: int, length: int) -> tuple[int, int]:
        """Return the start and end of the calendar's window around an instant.

        Counted in local time, so a day that loses or gains an hour is still one window.
        """
        if len(self.offsets) == 1:  # as in most places, all year round
            start = instant - (instant + self.offsets[0][1]) % length
            return start, start + length
        local = instant + self.offset_at(instant)
        start = local - local % length
        return self._utc(start), self._utc(start + length)

    def within(self, rule: CalleeRule, instants: Sequence[int], now: int) -> tuple[int, int]:
        """Count a callee's picks in the window of a rule, and say from when the next is free.

        Args:
            rule: one of these.
            instants: of the picks, in order.
            now: ms since 1970.

        Returns:
            The count, and the instant, 0 for now.
        """
        start, end = self.window(now, rule.window)
        since = start if rule.by_calendar else now - rule.window + 1
        count = len(instants) - bisect_left(instants, since)
        if count < rule.limit:
            return count, 0
        return count, end if rule.by_calendar else instants[-rule.limit] + rule.window

    def _utc(self, local: int) -> int:
        guess = local - self.offset_at(local)
        return local - self.offset_at(guess)
