"""The choice of one pick in this process: which numbers, at which level, and who was passed over.

It changes nothing: what was found to be over its limits is told, to be parked afterwards.
"""

from collections import defaultdict

from service.inventory import Step
from service.ledger.answers import Consideration, Picked
from service.ledger.local.callee import CalleeUses
from service.ledger.local.caller import Caller
from service.ledger.local.members import Members
from service.ledger.port import SCAN_LIMIT, STICKY, Pick
from service.ledger.rules import Rules


def first_free(pick: Pick, members: Members, rules: Rules, now: int) -> tuple[str, str] | None:
    """Choose for a pick of one number for whom nothing is known: most end here, with the first.

    Returns:
        The number and its mark; None where more has to be looked at.
    """
    if pick.count != 1 or pick.excluded or pick.explain or not pick.steps:
        return None
    step = pick.steps[0]
    for number in members.candidates(step.pools):
        caller = members.caller(number)
        if caller.avoid or members.holds(number, caller, rules, now):
            return None
        return number, members.mark_in(number, step) + pick.arm
    return None


def taken(
    number: str, members: Members, callee: CalleeUses | None, rules: Rules, now: int
) -> Picked:
    """Take the number that CCC chose, unless something keeps it out."""
    cooldown = rules.cooldown
    if callee and cooldown and number in callee.shown_within(cooldown, now):
        return Picked(rejected=(("cooldown", 1),))
    if number in members:
        if members.parks(number):
            return Picked(rejected=(("parked", 1),))
        if held := members.holds(number, members.caller(number), rules, now):
            return Picked(rejected=((held[0][0], 1),))
    return Picked(((number, "ccc"),))


class CallerChoice:
    """Chooses at its construction.

    `uses` has each number with its mark, `rejected` counts by reason, `held` has the numbers that
    are free and over a limit (one that was lowered), with what holds them.
    """

    def __init__(
        self, pick: Pick, members: Members, callee: CalleeUses | None, rules: Rules, now: int
    ) -> None:
        self._pick = pick
        self._members = members
        self._rules = rules
        self._now = now
        self._seen: set[str] = set()
        self.uses: list[tuple[str, str]] = []
        self.rejected: defaultdict[str, int] = defaultdict(int)
        self.held: list[tuple[str, list[tuple[str, int]]]] = []
        self.looks: list[Consideration] = []
        self._cooling: set[str] = set()
        if callee:
            self._cooling = callee.shown_within(rules.cooldown, now) if rules.cooldown else set()
            self._take_sticky(callee.sticky(pick.groups, rules.sticky, now) if rules.sticky else "")
        for step in pick.steps:
            if len(self.uses) < pick.count:
                self._walk(step)

    def _take_sticky(self, number: str) -> None:
        if not number or number in self._pick.excluded or number not in self._members:
            return
        caller = self._members.caller(number)
        if self._members.parks(number) or self._is_avoided(caller):
            return
        if self._members.holds(number, caller, self._rules, self._now):
            return
        for step in self._pick.steps:
            if self._members.stands_in(number, step.pools):
                self._seen.add(number)
                self.uses.append((number, f"{STICKY} {self._mark_in(number, step)}"))
                if self._pick.explain:
                    self._look(number, caller, STICKY, "")
                return

    def _walk(self, step: Step) -> None:
        members, scanned = self._members, 0
        for number in members.candidates(step.pools):
            if number in self._seen:
                continue
            self._seen.add(number)
            caller = members.caller(number)
            reason = self._bar(number, caller)
            if not reason and (held := members.holds(number, caller, self._rules, self._now)):
                self.held.append((number, held))
                reason = held[0][0]
            if reason:
                self.rejected[reason] += 1
                scanned += 1
            else:
                self.uses.append((number, self._mark_in(number, step)))
            if self._pick.explain:
                self._look(number, caller, step.level, reason)
            if len(self.uses) == self._pick.count or scanned == SCAN_LIMIT:
                return

    def _mark_in(self, number: str, step: Step) -> str:
        return self._members.mark_in(number, step) + self._pick.arm

    def _bar(self, number: str, caller: Caller) -> str:
        if number in self._pick.excluded:
            return "excluded"
        if number in self._cooling:
            return "cooldown"
        return "region" if self._is_avoided(caller) else ""

    def _is_avoided(self, caller: Caller) -> bool:
        return bool(caller.avoid) and caller.avoid.get(self._pick.region, 0) > self._now

    def _look(self, number: str, caller: Caller, level: str, reason: str) -> None:
        in_hour = caller.used_in_hour(self._rules, self._now)
        in_day = caller.used_in_day(self._rules, self._now)
        self.looks.append(
            Consideration(number, level, max(caller.turn, 0), in_hour, in_day, reason)
        )
