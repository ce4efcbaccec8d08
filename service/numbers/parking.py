"""Park numbers by hand and lift what keeps them out, one or thousands, on every replica.

Thousands go in steps, between which picks go on. A cap, a lease or a rest is not lifted.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeAlias, TypeVar, get_args

from service.inventory import Inventory
from service.ledger import Ledger, Park, Unpark, apply_all, describe
from service.locality import restore_number
from service.numbers import Lifted, NumberResult, Reason, Result
from service.picking.instance import Instance, instance_named, inventory_of
from service.picking.notes import Note

OPERATOR = "operator"  # the reason of an operator's park
QUARANTINE = "quarantine"  # of number health, which has to know when it is lifted
LIFTED = get_args(Lifted)
STEP = 32  # numbers between which others have a turn: a batch of the ledger

LiftQuarantine = Callable[[str, Sequence[str]], Awaitable[Iterable[str]]]

Steps: TypeAlias = AsyncIterator[list[NumberResult]]
T = TypeVar("T", Park, Unpark)

_Change = Callable[[Sequence[str]], Awaitable[Iterable[str]]]


class Parking:
    """Parks and lifts numbers of every configured instance.

    What is asked of thousands is done in steps, and what was yielded is done. The results are in
    the order of the numbers, which may be in any form; one that is given twice has the same twice.

    Args:
        instances: by id.
        lift_quarantine: ends the quarantine of some numbers of an instance; returns which had one.
    """

    def __init__(self, instances: Mapping[str, Instance], lift_quarantine: LiftQuarantine) -> None:
        self._instances = instances
        self._lift_quarantine = lift_quarantine
        self._turn = asyncio.Lock()

    def now(self, instance_id: str) -> int:
        """The time of an instance's ledger, in ms since 1970, by which parks end.

        Raises:
            InvalidField, UnknownInstance: the instance is not named, or not configured.
        """
        return instance_named(self._instances, instance_id).now()

    def park(
        self, instance_id: str, numbers: Sequence[str], until: int, *, by: str, words: str
    ) -> Steps:
        """Park numbers until an instant in ms, by the client of this name, for what it says.

        Raises:
            InvalidField, UnknownInstance: the instance is not named, or not configured.
            InventoryUnavailable: it has no inventory yet.
            LedgerUnavailable: Redis does not serve.
        """
        instance = instance_named(self._instances, instance_id)

        async def park(some: Sequence[str]) -> Iterable[str]:
            parks = [Park(number, OPERATOR, until) for number in some]
            parked = await _taken(instance.ledger, parks)
            if parked:
                await instance.notes.keep(parked, Note(until, by, words), instance.now())
            return [park.number for park in parked]

        return self._change(instance, numbers, park, "parked")

    def lift(self, instance_id: str, numbers: Sequence[str], reason: Reason) -> Steps:
        """End what keeps numbers out for a reason; who was in quarantine is on probation then.

        Raises:
            InvalidField, UnknownInstance, InventoryUnavailable, LedgerUnavailable: as `park`.
        """
        instance = instance_named(self._instances, instance_id)
        reasons = LIFTED if reason == "all" else (reason,)

        async def lift(some: Sequence[str]) -> Iterable[str]:
            lifted = set[str]()
            if QUARANTINE in reasons:
                lifted.update(await self._lift_quarantine(instance.instance_id, some))
            standings = zip(some, await describe(instance.ledger, some), strict=True)
            unparks = [
                Unpark(number, parked)
                for number, standing in standings
                for parked, _ in standing.parks
                if parked in reasons
            ]
            return lifted | {unpark.number for unpark in await _taken(instance.ledger, unparks)}

        return self._change(instance, numbers, lift, "unparked")

    async def _change(
        self, instance: Instance, given: Sequence[str], change: _Change, done: Result
    ) -> Steps:
        """Change some numbers after the others, each once however often it is given."""
        inventory = inventory_of(instance.instance_id, instance.keeper)
        tried, changed = set[str](), set[str]()
        for start in range(0, len(given), STEP):
            some = given[start : start + STEP]
            keys = [*map(_key, some)]
            new = {key for key in keys if key in inventory.numbers} - tried
            tried |= new
            async with self._turn:
                changed.update(await change(sorted(new)))
            yield [
                NumberResult(number, done if key in changed else _unchanged(inventory, key, done))
                for number, key in zip(some, keys, strict=True)
            ]
            await asyncio.sleep(0)  # picks go on also where there was nothing to do


async def _taken(ledger: Ledger, operations: Sequence[T]) -> list[T]:
    """Apply operations; returns those that changed anything."""
    answers = await apply_all(ledger, operations)
    return [told for told, answer in zip(operations, answers, strict=True) if answer]


def _key(number: str) -> str:
    """Return the form in which a number of ours is a key, "" for what is no number."""
    try:
        return restore_number(number)
    except ValueError:
        return ""


def _unchanged(inventory: Inventory, key: str, wanted: Result) -> Result:
    if key not in inventory.numbers:
        return "unknown"
    if wanted == "parked" or inventory.home(key) is None:
        return "not_candidate"
    return "not_parked"
