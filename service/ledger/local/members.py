"""The members of this process's ledger: where each number lives, and the order of its pools.

Only numbers that were used have places in it, so standing by for Redis costs next to nothing.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import merge

from service.inventory import Home, Inventory, Moves, PhoneNumber, Step, moves_between, use_mark
from service.ledger.answers import Glance, Standing
from service.ledger.local.caller import LIMIT_REASONS, Caller, lower
from service.ledger.local.callers import Callers
from service.ledger.local.rotation import NEVER, Rotation, Rotations
from service.ledger.record import NO_COUNTS, UNUSED, KnownUse
from service.ledger.rules import DAY, HOUR, Limits, Rules
from service.tasks import at_once

NO_LIMITS = Limits()
_NO_PARKS: dict[str, int] = {}


class Members:
    """The numbers with what is known of their use, their pools and their parks.

    Args:
        start: where the rotation of a pool begins, as a part of it below 1.
    """

    def __init__(self, start: float) -> None:
        self.callers = Callers()
        self.caller = self.callers.caller
        self._start = start
        self._numbers: Mapping[str, PhoneNumber] = {}
        self.homes: Mapping[str, Home] = {}
        self._pools: Mapping[str, tuple[str, ...]] = {}
        self._rotations = Rotations(self._begin)
        self._parks: dict[str, dict[str, int]] = {}
        self._returns: list[tuple[int, str]] = []
        self.parked_in = Counter[str]()  # by pool
        self.sharing = 1  # processes that decide apart, and divide what is left of each cap

    def __contains__(self, number: object) -> bool:
        return number in self.homes

    def replace(self, inventory: Inventory, moves: Moves | None = None) -> None:
        """Take the members of a new snapshot; who stays keeps turn, counts and parks."""
        old, new = self.homes, inventory.homes()
        if moves is None:
            moves = at_once(moves_between(old, new))
        for number in moves.gone:
            self.park(number, {})
            self._leave(number, old[number].pools, self.callers.turn(number))
            self.callers.drop(number)
        self.homes, self._pools, self._numbers = new, inventory.members, inventory.numbers
        for pool, rotation in self._rotations.items():
            rotation.follow(self._pools.get(pool, ()))
        for number in moves.moved if self._rotations or self._returns else ():
            was = old.get(number)
            self._move(number, set(was.pools if was else ()), set(new[number].pools))
        for pool in self._rotations.keys() - self._pools.keys():
            del self._rotations[pool]

    def parks(self, number: str) -> dict[str, int]:
        """Return what keeps a number out, each reason with its end; not to be changed."""
        return self._parks.get(number, _NO_PARKS)

    def limits(self, number: str, rules: Rules) -> Limits:
        """The limits that hold for a member."""
        return rules.limits_named(self.homes[number].limits)

    def holds(self, number: str, caller: Caller, rules: Rules, now: int) -> list[tuple[str, int]]:
        """Return the reasons that its limits give to keep a member out now, each with its end."""
        return caller.holds(rules, self.limits(number, rules), now, self.sharing)

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
        if number not in self._parks:
            for pool in self.homes[number].pools:
                self._rotations[pool].use(number, caller.turn, turn)
        caller.turn = turn

    def park(self, number: str, parks: dict[str, int]) -> None:
        """Let these reasons, each with its instant of return, be what keeps a number out."""
        if was := self._parks.pop(number, _NO_PARKS):
            del self._returns[bisect_left(self._returns, (max(was.values()), number))]
        if parks:
            self._parks[number] = parks
            insort(self._returns, (max(parks.values()), number))
        pools, turn = self.homes[number].pools, self.callers.turn(number)
        if parks and not was:
            self.parked_in.update(pools)
            self._leave(number, pools, turn)
        elif was and not parks:
            self.parked_in.subtract(pools)
            self._enter(number, pools, turn)

    def learn(self, records: Sequence[bytes]) -> None:
        """Go on from records that came with an answer: of each number, and behind it its own."""
        for number, record in zip(records[::2], records[1::2], strict=True):
            if own := self._numbers.get(number.decode(errors="replace")):
                self.callers.learn(own.number, record)

    def adopt(self, records: Mapping[str, bytes], parks: Mapping[str, dict[str, int]]) -> None:
        """Go on from what the shared ledger holds of some numbers; who is free there is free."""
        for held, record in records.items():
            if held in self.homes:
                number = self._numbers[held].number  # that text stands in memory already
                self.callers.adopt(number, record)
                if (its_parks := parks.get(held, _NO_PARKS)) != self.parks(number):
                    self.park(number, its_parks)

    def recall(self, number: str) -> tuple[KnownUse, dict[str, int]] | None:
        """Return what the shared ledger is known to have held of a number, as `Recall` says."""
        # What limits hold is found again there; here it may be this process's share that does.
        known, parks = self.callers.before(number), _without_limits(self.parks(number))
        return (known, parks) if parks or known is not UNUSED else None

    def standing(self, number: str, rules: Rules, now: int) -> Standing:
        """Describe a number; one that is no member was never used."""
        if number not in self.homes:
            return Standing(0, 0, 0, ())
        caller, limits = self.caller(number), self.limits(number, rules)
        parks = {reason: until for reason, until in self.parks(number).items() if until > now}
        return Standing(
            caller.used_in_hour(rules, now),
            caller.used_in_day(rules, now),
            len(caller.open_leases(now, limits.lease)),
            tuple(sorted(parks.items())),
            limits.max_per_hour,
            lower(limits.max_per_day, caller.cap),
        )

    def glance(self, numbers: Iterable[str], rules: Rules, now: int) -> Iterator[Glance]:
        """Describe these numbers; nothing is made up for those that were never used."""
        hour, day = rules.window(now, HOUR)[0], rules.window(now, DAY)[0]
        for number in numbers:
            home, use = self.homes.get(number), self.callers.counts(number)
            limits = rules.limits_named(home.limits) if home is not None else NO_LIMITS
            if (parks := self._parks.get(number)) is None and use is None:
                yield Glance(0, limits.max_per_day)
                continue
            out = tuple([park for park in parks.items() if park[1] > now]) if parks else ()
            turn, _, of_hour, of_day, in_hour, in_day, own = use or NO_COUNTS
            cap = lower(limits.max_per_day, own)
            yield Glance(in_day * (of_day == day), cap, out, in_hour * (of_hour == hour), int(turn))

    def hold(self, number: str, held: list[tuple[str, int]]) -> None:
        """Park a number for more reasons than it is parked for."""
        self.park(number, self.parks(number) | dict(held))

    def review(self, number: str, rules: Rules, now: int) -> None:
        """Drop the parks by limits that no longer hold, and take in those that do."""
        if number in self.homes:
            caller = self.caller(number)
            kept = _without_limits(self.parks(number))
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

    def _begin(self, pool: str) -> Rotation:
        return Rotation(self._pools.get(pool, ()), self._is_unused, self._start)

    def _is_unused(self, number: str) -> bool:
        return self.callers.turn(number) == NEVER and number not in self._parks

    def _leave(self, number: str, pools: Iterable[str], turn: int) -> None:
        for pool in pools:
            if (rotation := self._rotations.get(pool)) is not None:
                rotation.remove(number, turn)

    def _enter(self, number: str, pools: Iterable[str], turn: int) -> None:
        for pool in pools:
            if turn != NEVER or pool in self._rotations:
                self._rotations[pool].add(number, turn)

    def _move(self, number: str, old: set[str], new: set[str]) -> None:
        if number in self._parks:
            self.parked_in.subtract(old)
            self.parked_in.update(new)
        else:
            turn = self.callers.turn(number)
            self._leave(number, old - new, turn)
            self._enter(number, new - old, turn)


def _without_limits(parks: Mapping[str, int]) -> dict[str, int]:
    return {reason: until for reason, until in parks.items() if reason not in LIMIT_REASONS}
