"""The rules of an instance as a ledger applies them, sent along with every call.

They are data: what an operator changes takes hold with the next call, on whatever ledger decides.
Spans are in ms. 0 is no limit and no span.
"""

import msgspec

HOUR = 3_600_000
DAY = 86_400_000


class Limits(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one caller number may be used for."""

    max_per_hour: int = 0
    max_per_day: int = 0
    max_concurrent: int = 0
    lease: int = HOUR
    rest: int = 0

    @property
    def is_none(self) -> bool:
        """Whether these limit nothing."""
        return not (self.max_per_hour or self.max_per_day or self.max_concurrent or self.rest)


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
        """How long a callee's picks must be known, 0 where no rule asks."""
        spans = (self.cooldown, self.sticky, self.remembered, *(one.window for one in self.callee))
        return max(spans)

    def limits_named(self, name: str) -> Limits:
        """The limits of a name; the common ones where no override has it any more."""
        return self.limits.get(name) or self.limits[""]

    def offset_at(self, instant: int) -> int:
        """The offset from UTC at an instant."""
        offset = self.offsets[0][1]
        for since, then in self.offsets:
            if since <= instant:
                offset = then
        return offset

    def window(self, instant: int, length: int) -> tuple[int, int]:
        """Where the calendar's window around an instant starts and ends.

        Counted in local time, so a day that loses or gains an hour is still one window.
        """
        if len(self.offsets) == 1:  # as in most places, all year round
            start = instant - (instant + self.offsets[0][1]) % length
            return start, start + length
        local = instant + self.offset_at(instant)
        start = local - local % length
        return self._utc(start), self._utc(start + length)

    def _utc(self, local: int) -> int:
        guess = local - self.offset_at(local)
        return local - self.offset_at(guess)
