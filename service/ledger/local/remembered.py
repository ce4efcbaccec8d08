"""What the local ledger remembers of callees and of calls, the shared ledger's answers among it."""

from collections.abc import Generator, Sequence

from service.ledger.answers import picked_from
from service.ledger.local.callee import CalleeUses, RememberedCall, Shown, Use
from service.ledger.local.learned import Learned
from service.ledger.local.members import Members
from service.ledger.local.shards import Shards
from service.ledger.rules import Rules

SHARDS = 256  # of a million remembered, one is looked through in a ms
SHARDS_A_LOOK = 16


class Remembered:
    """Callees and calls by their digests.

    Args:
        members: know which leases a learned pick holds.
        learned: the shared ledger's answers; what is asked for is taken over from there.
    """

    def __init__(self, members: Members, learned: Learned) -> None:
        self._members = members
        self._learned = learned
        self._callees = Shards(dict[str, CalleeUses]() for _ in range(SHARDS))
        self._calls = Shards(dict[str, RememberedCall]() for _ in range(SHARDS))
        self._looked_at = 0  # the shard that was looked through last

    def call(self, digest: str, rules: Rules) -> RememberedCall | None:
        """Return the pick that was answered under a call."""
        calls = self._calls.of(digest)
        known = calls.get(digest)
        if digest and (learned := self._learned.call(digest)) is not None:
            instant, picked = learned.instant, picked_from(learned.answer)
            is_known = known is not None and known.instant > instant - rules.idempotency
            if not (picked.is_repeated and is_known):
                uses = self._with_turns(picked.uses, instant, rules)
                known = calls[digest] = RememberedCall(learned.digest, instant, uses)
        return known

    def callee(self, digest: str, rules: Rules, now: int) -> CalleeUses:
        """Return the picks for a callee."""
        callees = self._callees.of(digest)
        callee = callees.get(digest)
        if callee is None:
            callee = callees[digest] = CalleeUses()
        for learned in self._learned.callee(digest):
            instant, uses = learned.instant, picked_from(learned.answer).uses
            use = Use(instant, learned.digest, self._with_turns(uses, instant, rules))
            callee.remember(use, rules.horizon, now)
        callee.disbelieve(now)
        return callee

    def remember(self, digest: str, call: RememberedCall) -> None:
        """Let this be what was answered under a call."""
        self._calls.of(digest)[digest] = call

    def forgetting(self, rules: Rules, now: int) -> Generator[None, None, None]:
        """Let go of what no rule needs any more in the next shards, one after the other."""
        for _ in range(SHARDS_A_LOOK):
            yield
            self._looked_at = at = (self._looked_at + 1) % SHARDS
            callees, calls = self._callees[at], self._calls[at]
            over = [key for key, one in callees.items() if one.is_forgotten(rules.horizon, now)]
            for digest in over:
                del callees[digest]
            over = [key for key, one in calls.items() if one.instant <= now - rules.call_span]
            for digest in over:
                del calls[digest]

    def _with_turns(self, uses: Sequence[tuple[str, str]], instant: int, rules: Rules) -> Shown:
        """Add the turns of uses of an instant, told by the leases that they hold; else 0."""
        shown = []
        for number, level in uses:
            turn = 0
            if number in self._members:
                ends = instant + self._members.limits(number, rules).lease
                turn = self._members.caller(number).lease_until(ends)
            shown.append((number, level, turn))
        return tuple(shown)
