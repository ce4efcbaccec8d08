"""Called numbers for people: why one is refused now, and stops, of one or thousands.

A number comes in clear and goes masked; the ledger knows its digest alone. A stop holds on every
replica, for all instances of a scope. While Redis is away nothing is told: a process that decides
alone knows what it picked itself, which is less than true.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct
from msgspec.structs import replace

from service.errors import InvalidCalledNumber
from service.ledger import CalleeRule, Rules, Stop, apply_all
from service.ledger.answers import CalleeStanding
from service.ledger.port import BATCH_TURNS, DescribeCallee
from service.locality import Callee, Locator
from service.locality.refusal import why_refused
from service.logs import mask
from service.picking import Place
from service.picking.explaining import instant
from service.picking.instance import Instance, instance_named

MOST_SHOWN = 100  # numbers, the latest

Instant: TypeAlias = Annotated[datetime, Meta(tz=True)]
Masked = Annotated[str, Meta(description="The called number, masked.")]


class CalleeStop(Struct, frozen=True):
    """A stop: no pick for this callee until its end."""

    until: Annotated[Instant, Meta(description="Until when (RFC 3339).")]
    by: Annotated[str, Meta(description="The name of the client who stopped it, if known.")]
    reason: Annotated[str, Meta(description="The words to the stop, or its SIP code.")]


class CalleeWindow(Struct, frozen=True):
    """A rule of `[[selection.callee.rules]]`, and the picks in its window."""

    limit: Annotated[int, Meta(description="How many picks there may be in the window.")]
    window_seconds: Annotated[int, Meta(description="How long the window is.")]
    kind: Annotated[Literal["sliding", "calendar"], Meta(description="Which window.")]
    uses: Annotated[int, Meta(description="Picks in it now.")]
    free_at: Annotated[Instant | None, Meta(description="When it allows a pick; null for now.")]


class ShownNumber(Struct, frozen=True):
    """A number of ours that the callee was shown."""

    number: Annotated[str, Meta(description="The number, in canonical form.")]
    at: Annotated[Instant, Meta(description="When it was shown last.")]
    cooldown_until: Annotated[Instant | None, Meta(description="Until when it is not shown again.")]
    sticky_until: Annotated[
        Instant | None, Meta(description="Until when the same groups show it again.")
    ]


class CalleeState(Struct, frozen=True):
    """One callee, as the ledger has it."""

    number: Masked
    province: Place
    city: Place
    refused_until: Annotated[
        Instant | None,
        Meta(description="When its stop and all windows allow a pick; null for now."),
    ]
    stop: Annotated[CalleeStop | None, Meta(description="Its stop.")]
    windows: Annotated[tuple[CalleeWindow, ...], Meta(description="Its picks, rule by rule.")]
    shown: Annotated[tuple[ShownNumber, ...], Meta(description="The latest first.")]
    opens_at: Annotated[
        str | None, Meta(description="When the calling window opens; null while it is open.")
    ]


class CalleeResult(Struct, frozen=True, gc=False):
    """The result for one number that was given."""

    number: Masked
    result: Annotated[
        Literal["stopped", "let", "not_stopped", "unreadable"],
        Meta(description="`let`: it may be called again. `unreadable`: it cannot be called."),
    ]
    why: Annotated[str, Meta(description="Why it cannot be read, and what to do.")] = ""


class Callees:
    """Describes and stops the callees of every configured instance.

    Raises InvalidField and UnknownInstance where the instance is not named or not configured, and
    LedgerUnavailable where Redis does not serve.
    """

    def __init__(self, instances: Mapping[str, Instance], locator: Locator) -> None:
        self._instances = instances
        self._locator = locator

    def now(self, instance_id: str) -> int:
        """The time of an instance's ledger, in ms since 1970, by which stops end."""
        return instance_named(self._instances, instance_id).now()

    async def describe(self, instance_id: str, number: str) -> CalleeState:
        """Describe a callee by its number in any form; raises InvalidCalledNumber for none."""
        instance = instance_named(self._instances, instance_id)
        callee = self._locator.locate(number)
        digest = instance.digests.callee(callee.number)
        standing = await instance.ledger.apply(DescribeCallee(dry_run=True, callee=digest))
        opens_at = closed.opens_at if (closed := instance.closed()) is not None else None
        return _state(callee, standing, instance.rules, instance.now(), opens_at)

    async def stop(
        self, instance_id: str, numbers: Sequence[str], stop: Stop
    ) -> AsyncIterator[list[CalleeResult]]:
        """Stop callees or let them again, and yield their results in steps, in the order given.

        Between two steps picks have their turn. What was yielded is done. `stop` lacks the callee.
        """
        instance = instance_named(self._instances, instance_id)
        for start in range(0, len(numbers), BATCH_TURNS):
            given = numbers[start : start + BATCH_TURNS]
            digests = [self._digest(instance, number) for number in given]
            stops = [replace(stop, callee=digest) for digest in digests if digest]
            answers = iter(await apply_all(instance.ledger, stops))
            yield [
                _result(number, stop, was_stopped=next(answers) if digest else None)
                for number, digest in zip(given, digests, strict=True)
            ]
            await asyncio.sleep(0)  # also where there was nothing to do

    def _digest(self, instance: Instance, number: str) -> str:
        """Return the digest of a callee, "" for what cannot be called."""
        try:
            return instance.digests.callee(self._locator.locate(number).number)
        except InvalidCalledNumber:
            return ""


def _result(number: str, stop: Stop, *, was_stopped: bool | None) -> CalleeResult:
    if was_stopped is None:
        return CalleeResult(mask(number), "unreadable", why_refused(number))
    if stop.until:
        return CalleeResult(mask(number), "stopped")
    return CalleeResult(mask(number), "let" if was_stopped else "not_stopped")


def _state(
    callee: Callee, standing: CalleeStanding, rules: Rules, now: int, opens_at: str | None
) -> CalleeState:
    instants = [use[0] for use in standing.uses]
    windows = tuple(_window(rule, rules, instants, now) for rule in rules.callee)
    ends = [window.free_at for window in windows if window.free_at is not None]
    stop = None
    if (stopped := _end(standing.stopped, now)) is not None:
        stop = CalleeStop(stopped, standing.by, standing.reason)
        ends.append(stopped)
    place = callee.locality.province, callee.locality.city
    shown, latest = _shown(standing, rules, now), max(ends, default=None)
    return CalleeState(mask(callee.number), *place, latest, stop, windows, shown, opens_at)


def _window(rule: CalleeRule, rules: Rules, instants: Sequence[int], now: int) -> CalleeWindow:
    uses, free_at = rules.within(rule, instants, now)
    kind: Literal["sliding", "calendar"] = "calendar" if rule.by_calendar else "sliding"
    return CalleeWindow(rule.limit, rule.window // 1000, kind, uses, _end(free_at, now))


def _shown(standing: CalleeStanding, rules: Rules, now: int) -> tuple[ShownNumber, ...]:
    """The numbers of the uses, each once; the last use for some groups has their sticky number."""
    last = {number: at for at, _, numbers in standing.uses for number in numbers}
    by_groups = {groups: (numbers[0], at) for at, groups, numbers in standing.uses if numbers}
    sticky = dict(sorted(by_groups.values(), key=itemgetter(1)))
    latest = sorted(last.items(), key=itemgetter(1), reverse=True)[:MOST_SHOWN]
    ends = [
        (at + rules.cooldown, sticky.get(number, -rules.sticky) + rules.sticky)
        for number, at in latest
    ]
    return tuple(
        ShownNumber(number, instant(at), _end(cooldown, now), _end(stickiness, now))
        for (number, at), (cooldown, stickiness) in zip(latest, ends, strict=True)
    )


def _end(at: int, now: int) -> datetime | None:
    return instant(at) if at > now else None
