"""The numbers of an instance for people: filtered, with how each stands, and an operator's park.

The list is of the cached inventory, the standing is the ledger's. CCC is not asked.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from service.errors import LedgerUnavailable, UnknownNumber
from service.inventory import Inventory, PhoneNumber, bar
from service.ledger import Park, Standing, Unpark, describe
from service.locality import normal_city, normal_province
from service.logs import mask
from service.numbers import NumberEntry, NumberPage, NumberQuery, Parked
from service.picking.explaining import instant
from service.picking.instance import Instance, instance_named, inventory_of, own_number

OPERATOR = "operator"  # the reason of an operator's park
SCANNED = 1000  # numbers looked at in one go, under a ms

HealthShown = Callable[[str, Sequence[str]], Awaitable[Mapping[str, str]]]
Described = tuple[Literal["known", "unavailable"], tuple[NumberEntry, ...]]


class Directory:
    """Lists and parks the numbers of every configured instance.

    Args:
        instances: by id.
        health: tells of some numbers of an instance why they are in the health they are in.
    """

    def __init__(self, instances: Mapping[str, Instance], health: HealthShown) -> None:
        self._instances = instances
        self._health = health
        self._ordered: dict[str, tuple[Inventory, list[PhoneNumber]]] = {}

    async def page(self, query: NumberQuery) -> NumberPage:
        """The numbers that a query leaves, in the order of the numbers, so all replicas page alike.

        Raises:
            InvalidField, UnknownInstance: the instance is not named, or not configured.
            InventoryUnavailable: it has no inventory yet.
        """
        instance = instance_named(self._instances, query.instance_id)
        matching = await self._matching(inventory_of(instance.instance_id, instance.keeper), query)
        shown = matching[(query.page - 1) * query.page_size : query.page * query.page_size]
        standing, entries = await self._described(instance, shown)
        return NumberPage(entries, query.page, query.page_size, len(matching), standing)

    async def look_up(self, instance_id: str, numbers: Iterable[str]) -> tuple[NumberEntry, ...]:
        """Describe these numbers; those that the inventory lacks are left out.

        Raises:
            InvalidField, UnknownInstance, InventoryUnavailable: as `page`.
        """
        instance = instance_named(self._instances, instance_id)
        listed = inventory_of(instance.instance_id, instance.keeper).numbers
        shown = [listed[number] for number in numbers if number in listed]
        _, entries = await self._described(instance, shown)
        return entries

    def now(self, instance_id: str) -> int:
        """The time of an instance's ledger, in ms since 1970, by which parks end.

        Raises:
            InvalidField, UnknownInstance: the instance is not named, or not configured.
        """
        return instance_named(self._instances, instance_id).now()

    async def park(self, instance_id: str, number: str, until: int) -> str:
        """Take a number out of rotation until an instant in ms, on every replica; returns its key.

        Raises:
            InvalidField, UnknownInstance: no number, or no instance that is configured.
            UnknownNumber: the number is not the instance's, or never in rotation.
            InventoryUnavailable, LedgerUnavailable: it cannot be done now.
        """
        instance, own = self._named(instance_id, number)
        if not await instance.ledger.apply(Park(own.number, OPERATOR, until)):
            why = bar(own) or "the ledger has yet to hear of it"
            raise UnknownNumber(f"{mask(own.number)} is not a candidate ({why})")
        return own.number

    async def unpark(self, instance_id: str, number: str) -> str:
        """End an operator's park, and no other, on every replica; returns the number's key.

        Raises:
            UnknownNumber: the number is not the instance's, or no operator parked it.
            InvalidField, UnknownInstance, InventoryUnavailable, LedgerUnavailable: as `park`.
        """
        instance, own = self._named(instance_id, number)
        if not await instance.ledger.apply(Unpark(own.number, OPERATOR)):
            raise UnknownNumber(f"{mask(own.number)} is not parked by an operator")
        return own.number

    def _named(self, instance_id: str, number: str) -> tuple[Instance, PhoneNumber]:
        instance = instance_named(self._instances, instance_id)
        key = own_number("number", number)
        if own := inventory_of(instance.instance_id, instance.keeper).numbers.get(key):
            return instance, own
        raise UnknownNumber(f"{mask(key)} is not a number of {instance.instance_id}")

    async def _matching(self, inventory: Inventory, query: NumberQuery) -> list[PhoneNumber]:
        ordered, matching = self._in_order(inventory), list[PhoneNumber]()
        for start in range(0, len(ordered), SCANNED):
            matching += _filtered(ordered[start : start + SCANNED], query)
            await asyncio.sleep(0)  # picks go on meanwhile
        return matching

    def _in_order(self, inventory: Inventory) -> list[PhoneNumber]:
        """All numbers in order; sorting a hundred thousand takes tens of ms, so once a snapshot."""
        snapshot, ordered = self._ordered.get(inventory.instance_id, (None, []))
        if snapshot is not inventory:
            ordered = sorted(inventory.numbers.values(), key=lambda own: own.number)
            self._ordered[inventory.instance_id] = inventory, ordered
        return ordered

    async def _described(self, instance: Instance, shown: list[PhoneNumber]) -> Described:
        numbers = [own.number for own in shown]
        standings: Sequence[Standing | None]
        try:
            known, standings = True, await describe(instance.ledger, numbers)
        except LedgerUnavailable:
            known, standings = False, [None] * len(shown)
        now, health = instance.now(), await self._health(instance.instance_id, numbers)
        entries = tuple(
            _entry(own, standing, now, health.get(own.number, ""))
            for own, standing in zip(shown, standings, strict=True)
        )
        return "known" if known else "unavailable", entries


def _filtered(numbers: Iterable[PhoneNumber], query: NumberQuery) -> Iterator[PhoneNumber]:
    digits = query.q.replace(" ", "").replace("-", "")
    province, city = normal_province(query.province), normal_city(query.city)
    return (
        own
        for own in numbers
        if digits in own.number
        and query.usage in ("", own.usage)
        and query.active in ("", str(own.active).lower())
        and (not query.skill_group_id or query.skill_group_id in own.skill_group_ids)
        and province in ("", own.province)
        and city in ("", own.city)
    )


def _entry(own: PhoneNumber, standing: Standing | None, now: int, health: str) -> NumberEntry:
    fields = msgspec.structs.asdict(own) | {"health": health}
    if (details := fields.pop("details")) is not None:
        fields |= msgspec.structs.asdict(details)
    if standing is not None:
        fields |= _standing(bar(own), standing, now)
    return NumberEntry(**fields)


def _standing(barred: str, standing: Standing, now: int) -> dict[str, Any]:
    parked = [Parked(barred, None)] if barred else []
    parked += [
        Parked(reason, instant(until)) for reason, until in sorted(standing.parks) if until > now
    ]
    return {
        "used_hour": standing.used_hour,
        "used_day": standing.used_day,
        "max_per_hour": standing.max_per_hour,
        "max_per_day": standing.max_per_day,
        "available": not parked,
        "parked": tuple(parked),
    }
