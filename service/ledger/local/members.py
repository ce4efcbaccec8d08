"""The members of this process's ledger: where each number lives, and the order of its pools.

Only numbers that were used have places in it, so standing by for Redis costs next to nothing.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from heapq import merge

from service.inventory import Home, Inventory, Moves, Step, moves_between, use_mark
from service.ledger.answers import Glance, Standing
from service.ledger.local.caller import LIMIT_REASONS, Caller
from service.ledger.local.learned import Learned
from service.ledger.local.rotation import NEVER, Rotation, Rotations
from service.ledger.record import UNUSED, KnownUse, Recall, known_from
from service.ledger.rules import DAY, HOUR, Limits, Rules
from service.tasks import at_once

NO_LIMITS = Limits()


class Members:
    """The numbers with what is known of their use, their pools and their parks.

    Args:
        learned: has the records that came with the shared ledger's answers.
        start: where the rotation of a pool begins, as a part of it below 1.
    """

    def __init__(self, learned: Learned, start: float) -> None:
        self.learned = learned
        self._start = start
        self.homes: Mapping[str, Home] = {}
        self._pools: Mapping[str, tuple[str, ...]] = {}
        self._rotations = Rotations(self._begin)
        self._callers: dict[str, Caller] = {}
        self._returns: list[tuple[int, str]] = []
        self._parked = Counter[str]()  # by pool
        self.sharing = 1  # processes that decide apart
        self.keeps_shares = False  # of what was left of the caps when they were cut off

    def __contains__(self, number: object) -> bool:
        return number in self.homes

    def replace(self, inventory: Inventory, moves: Moves | None = None) -> None:
        """Take the members of a new snapshot; who stays keeps turn, counts and parks."""
        old, new = self.homes, inventory.homes()
        if moves is None:
            moves = at_once(moves_between(old, new))
        for number in moves.gone:
            self.park(number, {})
            self._leave(number, old[number].pools, self._turn_of(number))
            self._callers.pop(number, None)
        self.homes, self._pools = new, inventory.members
        for pool, rotation in self._rotations.items():
            rotation.follow(self._pools.get(pool, ()))
        for number in moves.moved if self._rotations or self._returns else ():
            was = old.get(number)
            self._move(number, set(was.pools if was else ()), set(new[number].pools))
        for pool in self._rotations.keys() - self._pools.keys():
            del self._rotations[pool]

    def caller(self, number: str) -> Caller:
        """Return a member's uses."""
        caller = self._callers.get(number)
        if caller is None:
            caller = self._callers[number] = Caller(NEVER)
        if self.learned.records and not self.keeps_shares:
            record = self.learned.record(number)
            if record and (known := known_from(record)):
                caller.adopt(known)
        return caller

    def limits(self, number: str, rules: Rules) -> Limits:
        """The limits that hold for a member."""
        return rules.limits_named(self.homes[number].limits)

    def holds(self, number: str, caller: Caller, rules: Rules, now: int) -> list[tuple[str, int]]:
        """Return the reasons that its limits give to keep a member out now, each with its end."""
        limits = rules.limits_named(self.homes[number].limits)
        return caller.holds(rules, limits, now, self.sharing)

    def stands_in(self, number: str, pools: tuple[str, ...]) -> bool:
        """Return whether a number is a member of one of these pools."""
        home = self.homes.get(number)
        return home is not None and not set(home.pools).isdisjoint(pools)

    def mark_in(self, number: str, step: Step) -> str:
        """Return the mark of a use of a number that stands in one of a step's pools."""
        if len(step.pools) == 1:
            return step.mark
        own = self.homes[number].pools
        position = next(at for at, pool in enumerate(step.pools) if pool in own)
        return use_mark(step.mark, len(step.pools), position)

    def candidates(self, pools: tuple[str, ...]) -> Iterator[str]:
        """The free numbers of some pools in order of turn; one of two pools comes twice."""
        if len(pools) == 1:
            return self._rotations[pools[0]].numbers()
        return (number for _, number in merge(*[self._rotations[pool] for pool in pools]))

    def use(self, number: str, caller: Caller, turn: int) -> None:
        """Send a number to the end of its pools, unless it is parked."""
        if not caller.parks:
            for pool in self.homes[number].pools:
                self._rotations[pool].use(number, caller.turn, turn)
        caller.turn = turn

    def park(self, number: str, parks: dict[str, int]) -> None:
        """Let these reasons, each with its instant of return, be what keeps a number out."""
        caller = self.caller(number)
        was, caller.parks = caller.parks, parks
        if was:
            until = max(was.values())
            del self._returns[bisect_left(self._returns, (until, number))]
        if parks:
            insort(self._returns, (max(parks.values()), number))
        pools = self.homes[number].pools
        if parks and not was:
            self._parked.update(pools)
            self._leave(number, pools, caller.turn)
        elif was and not parks:
            self._parked.subtract(pools)
            self._enter(number, pools, caller.turn)

    def adopt(self, number: str, known: KnownUse | None, parks: dict[str, int]) -> None:
        """Go on from what the shared ledger knows of a number."""
        if number not in self.homes:
            return
        known = None if self.keeps_shares else known
        if known is UNUSED and not parks and number not in self._callers:
            return  # as every number is at first
        if known is not None:
            self.caller(number).adopt(known)
        if known is not None or parks or self._is_parked(number):
            self.park(number, parks)

    def recall(self) -> Recall:
        """Return what the shared ledger is known to have held: uses, and parks with their ends."""
        used = self._callers.keys() | self.learned.numbers()
        callers = [(number, self.caller(number)) for number in used if number in self.homes]
        # What limits hold is found again there; here it may be this process's share that does.
        return {
            number: (caller.before, _without_limits(caller.parks)) for number, caller in callers
        }

    def standing(self, number: str, rules: Rules, now: int) -> Standing:
        """Describe a number; one that is no member was never used."""
        if number not in self.homes:
            return Standing(0, 0, 0, ())
        caller, limits = self.caller(number), self.limits(number, rules)
        parks = {reason: until for reason, until in caller.parks.items() if until > now}
        return Standing(
            caller.used_in_hour(rules, now),
            caller.used_in_day(rules, now),
            len(caller.open_leases(now, limits.lease)),
            tuple(sorted(parks.items())),
            limits.max_per_hour,
            caller.day_cap(limits),
        )

    def glance(self, numbers: Iterable[str], rules: Rules, now: int) -> Iterator[Glance]:
        """Describe these numbers; nothing is made up for those that were never used."""
        hour, day = rules.window(now, HOUR)[0], rules.window(now, DAY)[0]
        for number in numbers:
            home, caller = self.homes.get(number), self._callers.get(number)
            limits = rules.limits_named(home.limits) if home is not None else NO_LIMITS
            if caller is None:
                yield Glance(0, limits.max_per_day)
            else:
                parks = tuple([park for park in caller.parks.items() if park[1] > now])
                in_day = caller.in_day if caller.day == day else 0
                in_hour = caller.in_hour if caller.hour == hour else 0
                yield Glance(in_day, caller.day_cap(limits), parks, in_hour, caller.turn)

    def hold(self, number: str, held: list[tuple[str, int]]) -> None:
        """Park a number for more reasons than it is parked for."""
        self.park(number, self.caller(number).parks | dict(held))

    def review(self, number: str, rules: Rules, now: int) -> None:
        """Drop the parks by limits that no longer hold, and take in those that do."""
        if number in self.homes:
            caller = self.caller(number)
            kept = _without_limits(caller.parks)
            self.park(number, kept | dict(self.holds(number, caller, rules, now)))

    def touch_lease(self, number: str, turn: int, *, rules: Rules, now: int, final: bool) -> None:
        """Renew the lease that a number has by a turn, or free it where the call is over."""
        if number not in self.homes:
            return
        caller = self.caller(number)
        if turn not in caller.leases:
            return
        span = self.limits(number, rules).lease
        caller.leases = caller.leases | {turn: 0 if final else now + span}
        caller.leases = caller.open_leases(now, span)
        self.review(number, rules, now)

    def due(self, limit: int, now: int) -> list[str]:
        """The first numbers whose time to return has come."""
        if not self._returns or self._returns[0][0] > now:
            return []
        return [number for until, number in self._returns[:limit] if until <= now]

    def parked(self) -> tuple[str, ...]:
        """All numbers that are out, the first to return first."""
        return tuple([number for _, number in self._returns])

    def parked_in(self, pool: str) -> int:
        """Count the parked numbers of a pool."""
        return self._parked[pool]

    def _begin(self, pool: str) -> Rotation:
        return Rotation(self._pools.get(pool, ()), self._is_unused, self._start)

    def _turn_of(self, number: str) -> int:
        caller = self._callers.get(number)
        return NEVER if caller is None else caller.turn

    def _is_unused(self, number: str) -> bool:
        caller = self._callers.get(number)
        return caller is None or (caller.turn == NEVER and not caller.parks)

    def _is_parked(self, number: str) -> bool:
        caller = self._callers.get(number)
        return caller is not None and bool(caller.parks)

    def _leave(self, number: str, pools: Iterable[str], turn: int) -> None:
        for pool in pools:
            if (rotation := self._rotations.get(pool)) is not None:
                rotation.remove(number, turn)

    def _enter(self, number: str, pools: Iterable[str], turn: int) -> None:
        for pool in pools:
            if turn != NEVER or pool in self._rotations:
                self._rotations[pool].add(number, turn)

    def _move(self, number: str, old: set[str], new: set[str]) -> None:
        if self._is_parked(number):
            self._parked.subtract(old)
            self._parked.update(new)
        else:
            turn = self._turn_of(number)
            self._leave(number, old - new, turn)
            self._enter(number, new - old, turn)


def _without_limits(parks: Mapping[str, int]) -> dict[str, int]:
    return {reason: until for reason, until in parks.items() if reason not in LIMIT_REASONS}
