"""What the local ledger remembers of callees and of calls, the shared ledger's answers among it."""

from collections.abc import Sequence

from service.ledger.answers import picked_from
from service.ledger.local.callee import CalleeUses, RememberedCall, Use
from service.ledger.local.learned import Learned
from service.ledger.local.members import Members
from service.ledger.rules import Rules


class Remembered:
    """Callees and calls by their digests.

    Args:
        members: know which leases a learned pick holds.
        learned: the shared ledger's answers; what is asked for is taken over from there.
    """

    def __init__(self, members: Members, learned: Learned) -> None:
        self._members = members
        self._learned = learned
        self._callees: dict[str, CalleeUses] = {}
        self._calls: dict[str, RememberedCall] = {}

    def call(self, digest: str, rules: Rules) -> RememberedCall | None:
        """Return the pick that was answered under a call."""
        known = self._calls.get(digest)
        if digest and (learned := self._learned.call(digest)) is not None:
            body, instant, answer = learned
            picked = picked_from(answer)
            is_known = known is not None and known.instant > instant - rules.idempotency
            if not (picked.is_repeated and is_known):
                uses = self._with_turns(picked.uses, instant, rules)
                known = self._calls[digest] = RememberedCall(body, instant, uses)
        return known

    def callee(self, digest: str, rules: Rules, now: int) -> CalleeUses:
        """Return the picks for a callee."""
        callee = self._callees.get(digest)
        if callee is None:
            callee = self._callees[digest] = CalleeUses()
        if learned := self._learned.callee(digest):
            for instant, groups, answer in zip(*[iter(learned)] * 3, strict=True):
                shown = self._with_turns(picked_from(answer).uses, instant, rules)
                callee.remember(Use(instant, groups, shown), rules.horizon, now)
        callee.disbelieve(now)
        return callee

    def remember(self, digest: str, call: RememberedCall) -> None:
        """Let this be what was answered under a call."""
        self._calls[digest] = call

    def forget(self, rules: Rules, now: int) -> None:
        """Let go of what no rule needs any more."""
        horizon, span = rules.horizon, rules.call_span
        for digest, callee in list(self._callees.items()):
            if callee.is_forgotten(horizon, now):
                del self._callees[digest]
        for digest, call in list(self._calls.items()):
            if call.instant <= now - span:
                del self._calls[digest]

    def _with_turns(
        self, uses: Sequence[tuple[str, str]], instant: int, rules: Rules
    ) -> list[tuple[str, str, int]]:
        """Add the turns of uses of an instant, told by the leases that they hold; else 0."""
        shown = []
        for number, level in uses:
            turn = 0
            if number in self._members:
                ends = instant + self._members.limits(number, rules).lease
                turn = self._members.caller(number).lease_until(ends)
            shown.append((number, level, turn))
        return shown
