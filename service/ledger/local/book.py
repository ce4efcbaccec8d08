"""The book of the ledger in this process: it applies operations, one after the other, in memory.

The twin of the Lua: the same operations have the same answers. No I/O, no clock.
"""

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any

from service.ledger.answers import CalleeStanding, Followed, Picked, Standing
from service.ledger.local import parking
from service.ledger.local.callee import CalleeUses, RememberedCall, Use
from service.ledger.local.choice import CallerChoice, first_free, taken
from service.ledger.local.following import follow_call, follow_callee
from service.ledger.local.learned import Learned
from service.ledger.local.members import Members
from service.ledger.local.remembered import Remembered
from service.ledger.pace import Slowdown
from service.ledger.port import (
    RETURNS_A_CALL,
    Avoid,
    Cap,
    Describe,
    DescribeCallee,
    Operation,
    Outcome,
    Park,
    Pick,
    Record,
    Retract,
    Return,
    Review,
    Stop,
    Take,
    Undo,
    Unpark,
    Uses,
)
from service.ledger.rules import DAY, HOUR, Rules

Answer = Picked | Followed | CalleeStanding | tuple[Standing, ...] | bool | int


class Book:
    """The members, callees and remembered picks, under `rules`; `now` is ledger time in ms.

    Args:
        start: where the rotation of a pool begins, as a part of it below 1.
    """

    def __init__(self, start: float = 0) -> None:
        self.rules = Rules()
        self.learned = Learned()
        self._pace = Slowdown()
        self.members = Members(start)
        self._remembered = Remembered(self.members, self.learned)
        self._turn = self.now = 0
        self._hour = self._hour_end = self._day = 0  # the windows around now
        self.has_stops = False
        self.has_gone_back = False  # from the time of a clock that nobody believes any more
        self._runs: dict[type, Callable[[Any], Answer]] = {
            Pick: self._decide,
            Take: self._decide,
            Park: lambda park: parking.park(self.members, park.number, {park.reason: park.until}),
            Unpark: lambda unpark: parking.unpark(self.members, unpark.number, unpark.reason),
            Return: lambda returns: len(self._take_back(returns.limit)),
            Review: lambda review: parking.review(
                self.members, review.numbers, self.rules, self.now
            ),
            Describe: lambda asked: tuple(
                self.members.standing(number, self.rules, self.now) for number in asked.numbers
            ),
            DescribeCallee: lambda of: self._callee(of.callee).standing(self.rules, self.now),
            Outcome: self._follow,
            Stop: self._stop,
            Cap: lambda cap: parking.cap(self.members, cap, self.rules, self.now),
            Avoid: lambda avoid: parking.avoid(self.members, avoid, self.now),
            Record: self._record_elsewhere,
            Undo: self._undo,
            Retract: lambda _: False,  # there is no other process here
        }

    def rule(self, rules: Rules) -> None:
        """Decide under these rules from now."""
        self.rules = rules
        self._hour_end = 0

    def parked_by(self) -> Counter[str]:
        """Count the parked numbers by reason."""
        parked = self.members.parked()
        return Counter(reason for number in parked for reason in self.members.parks(number))

    def forgetting(self) -> Generator[None, None, None]:
        """Let go of some callees and picks that no rule needs any more, in slices."""
        return self._remembered.forgetting(self.rules, self.now)

    def apply(self, now: int, operations: Sequence[Operation]) -> list[Answer]:
        """Apply a batch in order, as one call of the Lua does.

        Args:
            now: the clock's instant in ms, from which ledger time follows.
            operations: what to do. If all are dry runs, nothing has changed afterwards.
        """
        before = self.now, self._pace
        self._step(now)
        returned = self._take_back(RETURNS_A_CALL)
        answers, is_dry = [], True
        for operation in operations:
            answers.append(self._runs[type(operation)](operation))
            is_dry = is_dry and operation.is_dry
        if is_dry:
            for number, parks in returned.items():
                self.members.park(number, parks)
            self.now, self._pace = before
        return answers

    def answered(self, now: int, asked: Pick | Take) -> Picked | None:
        """Return what was answered before under a pick's call, None where that is not known."""
        self._step(now)
        return self._answered(asked)

    def _step(self, clock: int) -> None:
        before, self.now = self.now, clock
        if clock < before:
            self.now, self._pace = self._pace.at(clock, before)
            self.has_gone_back |= self.now < before
        if not self._hour <= self.now < self._hour_end:
            self._hour, end = self.rules.window(self.now, HOUR)
            self._hour_end = end if len(self.rules.offsets) == 1 else 0  # else it may come twice
            self._day, _ = self.rules.window(self.now, DAY)

    def _take_back(self, limit: int) -> dict[str, dict[str, int]]:
        due = self.members.due(limit, self.now)
        return parking.take_back(self.members, due) if due else {}

    def _answered(self, asked: Pick | Take) -> Picked | None:
        if asked.dry_run or (known := self._answered_before(asked.call)) is None:
            return None
        if known.body != asked.body:
            return Picked(refusal="reused")
        uses = tuple((number, level) for number, level, _ in known.uses)
        return Picked(uses, is_repeated=True)

    # Picking

    def _decide(self, asked: Pick | Take) -> Picked:
        if asked.call and (known := self._answered(asked)) is not None:
            return known
        callee = self._callee(asked.callee) if asked.callee else None
        if callee and (until := callee.free_at(self.rules, self.now)):
            return Picked(refusal="budget", until=until)
        if isinstance(asked, Take):
            picked = taken(asked.number, self.members, callee, self.rules, self.now)
        else:
            picked = self._pick(asked, callee)
        if picked.uses and not asked.dry_run:
            self._record(asked, picked.uses, self.now, callee)
        return picked

    def _answered_before(self, call: str) -> RememberedCall | None:
        known = self._remembered.call(call, self.rules)
        return known if known and known.instant > self.now - self.rules.idempotency else None

    def _pick(self, pick: Pick, callee: CalleeUses | None) -> Picked:
        is_new = callee is None or not callee.uses
        if is_new and (first := first_free(pick, self.members, self.rules, self.now)):
            return Picked((first,))
        choice = CallerChoice(pick, self.members, callee, self.rules, self.now)
        if not pick.dry_run:
            for number, held in choice.held:
                self.members.hold(number, held)
        if pick.steps and not choice.uses:
            parked = sum(self.members.parked_in[pool] for pool in pick.steps[-1].pools)
            if parked:
                choice.rejected["parked"] += parked
        rejected = tuple(sorted(choice.rejected.items()))
        return Picked(tuple(choice.uses), rejected, looks=tuple(choice.looks))

    def _record(
        self, asked: Pick | Take | Record, uses: Uses, instant: int, callee: CalleeUses | None
    ) -> None:
        """Take the turns; remember the pick for the callee, a repetition and an outcome."""
        shown = tuple([(number, level, self._use(number, instant)) for number, level in uses])
        if callee and instant > self.now - (horizon := self.rules.horizon):
            callee.remember(Use(instant, asked.groups, shown), horizon, self.now)
        if asked.call and instant > self.now - self.rules.call_span:
            call = RememberedCall(asked.body, instant, shown)
            self._remembered.remember(asked.call, call)

    def _use(self, number: str, instant: int) -> int:
        members, rules = self.members, self.rules
        if (home := members.homes.get(number)) is None:
            return 0
        self._turn += 1
        caller, limits = members.caller(number), rules.limits_named(home.limits)
        members.use(number, caller, self._turn)
        caller.count(1, instant, self._hour, self._day)
        caller.last = self.now  # as in Redis: of what was picked elsewhere too
        if limits.max_concurrent:
            caller.lease(self._turn, instant, self.now, limits.lease)
        if held := caller.holds(rules, limits, self.now, members.sharing):
            members.hold(number, held)
        return self._turn

    def _undo(self, undo: Undo) -> bool:
        is_remembered = undo.call and self.rules.call_span
        call = self._remembered.call(undo.call, self.rules) if is_remembered else None
        if is_remembered and (call is None or call.instant != undo.instant):
            return False
        for number in undo.numbers:
            self._undo_use(number, undo.instant)
        if undo.callee:
            self._callee(undo.callee).undo(undo.numbers[0], undo.instant)
        if call is not None:
            call.instant = 0
        return True

    def _undo_use(self, number: str, instant: int) -> None:
        if number in self.members:
            caller = self.members.caller(number)
            caller.last = self.now
            caller.count(-1, instant, self._hour, self._day)
            caller.close_lease(instant + self.members.limits(number, self.rules).lease)
            self.members.review(number, self.rules, self.now)

    def _stop(self, stop: Stop) -> bool:
        self.has_stops = True
        return self._callee(stop.callee).stop(stop, self.now)

    def _record_elsewhere(self, record: Record) -> bool:
        if is_new := self._answered_before(record.call) is None:
            callee = self._callee(record.callee) if record.callee else None
            self._record(record, record.uses, min(record.instant, self.now), callee)
        return is_new

    # What was shown

    def _follow(self, told: Outcome) -> Followed:
        touch = partial(self.members.touch_lease, rules=self.rules, now=self.now, final=told.final)
        if not told.call:
            return follow_callee(self._callee(told.callee), told, touch)
        call = self._remembered.call(told.call, self.rules)
        if call is None or call.instant <= self.now - self.rules.call_span:
            return Followed("unknown")
        return follow_call(call, told, touch)

    def _callee(self, digest: str) -> CalleeUses:
        return self._remembered.callee(digest, self.rules, self.now)
