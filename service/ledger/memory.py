"""The ledger in this process: the embedded default, and what decides while Redis cannot.

It keeps the same rules as `calls.lua`, one operation after the other, and forgets at a restart.
A pool is ordered when it is first asked for, so standing by for Redis costs next to nothing.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Sequence
from heapq import merge
from typing import cast

from service.inventory import Home, Inventory
from service.ledger.port import (
    RETURNS_A_CALL,
    SCAN_LIMIT,
    Decision,
    Operation,
    Park,
    Pick,
    Picked,
    Return,
    Take,
    Unpark,
)
from service.ledger.rotation import Rotation

RETURNS_A_SLICE = 100


def never_used(number: str) -> int:  # noqa: ARG001 - the signature of an order of unused numbers
    """The turn of a number that was never used: all alike, so the lowest number is first."""
    return 0


class MemoryLedger:
    """Every decision of the port, without I/O.

    Args:
        clock: the instant, in ms since 1970.
        source: what a decision says of its origin, `memory` or `degraded`.
        unused_turn: orders the numbers that were never used, by turns of 0 and below; processes
            that decide apart start apart.
    """

    def __init__(
        self,
        clock: Callable[[], int],
        *,
        source: str = "memory",
        unused_turn: Callable[[str], int] = never_used,
    ) -> None:
        self._clock = clock
        self._source = source
        self._unused_turn = unused_turn
        self._homes: dict[str, Home] = {}
        self._members: dict[str, tuple[str, ...]] = {}
        self._rotations: dict[str, Rotation] = {}
        self._turns: dict[str, int] = {}
        self._parks: dict[str, dict[str, int]] = {}
        self._returns: list[tuple[int, str]] = []
        self._turn = 0
        self._now = 0

    def replace(self, inventory: Inventory) -> None:
        """Take the members of a new snapshot; a number keeps its turn and its parks."""
        old, new = self._homes, dict(inventory.homes())
        for number in old.keys() - new.keys():
            self._leave(number, old[number].pools)
            self._forget(number)
        self._homes, self._members = new, dict(inventory.members)
        for number, home in new.items():
            was = old.get(number)
            if was is None or was.home_id != home.home_id:
                self._move(number, was.pools if was else (), home.pools)
        for pool in self._rotations.keys() - self._members.keys():
            del self._rotations[pool]

    async def pick(self, pick: Pick | Take) -> Decision:
        """Decide and record."""
        return self.decide(pick)

    def decide(self, pick: Pick | Take) -> Decision:
        """The same at once: nothing here waits."""
        (picked,) = self.apply(self._clock(), (pick,))
        return Decision(self._source, cast("Picked", picked))

    async def park(self, park: Park) -> bool:
        """Take a number out of rotation; False for one that is no member."""
        return bool(self.apply(self._clock(), (park,))[0])

    async def unpark(self, unpark: Unpark) -> bool:
        """Put a number back; False where it was not parked for that reason."""
        return bool(self.apply(self._clock(), (unpark,))[0])

    async def take_back(self) -> None:
        """Return all numbers whose time has come."""
        while self.apply(self._clock(), (Return(RETURNS_A_SLICE),)) == [RETURNS_A_SLICE]:
            pass

    def apply(self, now: int, operations: Sequence[Operation]) -> list[Picked | bool | int]:
        """Apply a batch in order, as one call of `calls.lua` does.

        Args:
            now: the instant in ms; the greatest one seen counts.
            operations: what to do. If all are dry runs, nothing has changed afterwards.
        """
        seen, self._now = self._now, max(self._now, now)
        returned = self._take_back(RETURNS_A_CALL)
        answers = [self._run(operation) for operation in operations]
        if all(isinstance(one, Pick | Take) and one.dry_run for one in operations):
            for number, parks in returned.items():
                self._set_parks(number, parks)
            self._now = seen
        return answers

    def _run(self, operation: Operation) -> Picked | bool | int:
        match operation:
            case Pick():
                return self._pick(operation)
            case Take():
                return self._take(operation)
            case Park(number, reason, until):
                return self._repark(number, reason, until)
            case Unpark(number, reason):
                return self._repark(number, reason, None)
            case Return(limit):
                return len(self._take_back(limit))

    # Picking

    def _pick(self, pick: Pick) -> Picked:
        uses, excluded = self._choose(pick)
        rejected = [("excluded", excluded)] if excluded else []
        if not uses and (parked := sum(map(self._parked_in, pick.steps[-1]))):
            rejected.append(("parked", parked))
        if not pick.dry_run:
            for number, _ in uses:
                self._use(number)
        return Picked(tuple(uses), tuple(rejected))

    def _choose(self, pick: Pick) -> tuple[list[tuple[str, int]], int]:
        uses: list[tuple[str, int]] = []
        seen: set[str] = set()
        excluded = 0
        for step, pools in enumerate(pick.steps):
            scanned = 0
            for number in self._candidates(pools):
                if number in seen:
                    continue
                seen.add(number)
                if number in pick.excluded:
                    scanned += 1
                else:
                    uses.append((number, step))
                if len(uses) == pick.count or scanned == SCAN_LIMIT:
                    break
            excluded += scanned
            if len(uses) == pick.count:
                break
        return uses, excluded

    def _candidates(self, pools: tuple[str, ...]) -> Iterator[str]:
        if len(pools) == 1:
            return (number for _, number in self._rotation(pools[0]))
        return (number for _, number in merge(*map(self._rotation, pools)))

    def _take(self, take: Take) -> Picked:
        if self._parks.get(take.number):
            return Picked((), (("parked", 1),))
        if take.number in self._homes and not take.dry_run:
            self._use(take.number)
        return Picked(((take.number, 0),), ())

    def _use(self, number: str) -> None:
        turn = self._turn_of(number)
        self._turn += 1
        self._turns[number] = self._turn
        for rotation in self._built(self._homes[number].pools):
            rotation.use(number, turn, self._turn)

    # Parking

    def _repark(self, number: str, reason: str, until: int | None) -> bool:
        if number not in self._homes:
            return False
        parks = dict(self._parks.get(number, {}))
        if until is not None:
            parks[reason] = until
        elif parks.pop(reason, None) is None:
            return False
        self._set_parks(number, parks)
        return True

    def _set_parks(self, number: str, parks: dict[str, int]) -> None:
        was, turn = self._parks.pop(number, None), self._turn_of(number)
        if was:
            self._drop_return(max(was.values()), number)
        if parks:
            self._parks[number] = parks
            insort(self._returns, (max(parks.values()), number))
        if bool(was) == bool(parks):
            return
        for rotation in self._built(self._homes[number].pools):
            if parks:
                rotation.remove(number, turn)
            else:
                rotation.add(number, turn)

    def _take_back(self, limit: int) -> dict[str, dict[str, int]]:
        due = [number for until, number in self._returns[:limit] if until <= self._now]
        parks = {number: self._parks[number] for number in due}
        for number in due:
            self._set_parks(number, {})
        return parks

    def _drop_return(self, until: int, number: str) -> None:
        del self._returns[bisect_left(self._returns, (until, number))]

    def _parked_in(self, pool: str) -> int:
        return len(self._members.get(pool, ())) - len(self._rotation(pool))

    # Pools

    def _turn_of(self, number: str) -> int:
        turn = self._turns.get(number)
        return self._unused_turn(number) if turn is None else turn

    def _rotation(self, pool: str) -> Rotation:
        if (rotation := self._rotations.get(pool)) is None:
            free = (number for number in self._members.get(pool, ()) if number not in self._parks)
            rotation = Rotation((self._turn_of(number), number) for number in free)
            self._rotations[pool] = rotation
        return rotation

    def _built(self, pools: tuple[str, ...]) -> Iterator[Rotation]:
        return (self._rotations[pool] for pool in pools if pool in self._rotations)

    # Members

    def _leave(self, number: str, pools: tuple[str, ...]) -> None:
        if number not in self._parks:
            for rotation in self._built(pools):
                rotation.remove(number, self._turn_of(number))

    def _move(self, number: str, old: tuple[str, ...], new: tuple[str, ...]) -> None:
        self._leave(number, tuple(set(old) - set(new)))
        if number not in self._parks:
            for rotation in self._built(tuple(set(new) - set(old))):
                rotation.add(number, self._turn_of(number))

    def _forget(self, number: str) -> None:
        self._turns.pop(number, None)
        if parks := self._parks.pop(number, None):
            self._drop_return(max(parks.values()), number)
