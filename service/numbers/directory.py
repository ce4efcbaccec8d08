"""The numbers of an instance for people: filtered, with how each stands, and an operator's park.

The list is of the cached inventory, the standing is the ledger's. CCC is not asked.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from service.errors import InventoryUnavailable, LedgerUnavailable, UnknownNumber
from service.inventory import Inventory, PhoneNumber, bar
from service.ledger import Ledger, Park, Standing, Unpark, describe
from service.locality import normal_city, normal_province
from service.logs import mask
from service.numbers import NumberEntry, NumberPage, NumberQuery, Parked
from service.picking.instance import Instance, instance_named, own_number

OPERATOR = "operator"  # the reason of an operator's park
SCANNED = 1000  # numbers looked at in one go, under a ms


HealthShown = Callable[[str, Sequence[str]], Awaitable[Mapping[str, str]]]


async def _not_judged(_instance_id: str, _numbers: Sequence[str]) -> Mapping[str, str]:
    return {}


class Directory:
    """Lists and parks the numbers of every configured instance.

    Args:
        instances: by id.
        now: ms since 1970.
        health: tells of some numbers of an instance why they are in the health they are in.
    """

    def __init__(
        self,
        instances: Mapping[str, Instance],
        now: Callable[[], int],
        health: HealthShown = _not_judged,
    ) -> None:
        self._instances = instances
        self._now = now
        self._health = health
        self._ordered: dict[str, tuple[Inventory, list[PhoneNumber]]] = {}

    async def page(self, query: NumberQuery) -> NumberPage:
        """The numbers that a query leaves, in the order of the numbers, so all replicas page alike.

        Raises:
            InvalidField, UnknownInstance: the instance is not named, or not configured.
            InventoryUnavailable: it has no inventory yet.
        """
        instance = instance_named(self._instances, query.instance_id)
        found = await self._found(_inventory(instance), query)
        shown = found[(query.page - 1) * query.page_size : query.page * query.page_size]
        standing, entries = await self._judged(instance, shown)
        return NumberPage(entries, query.page, query.page_size, len(found), standing)

    async def look_up(self, instance_id: str, numbers: Iterable[str]) -> tuple[NumberEntry, ...]:
        """Describe these numbers; those that the inventory lacks are left out.

        Raises:
            InvalidField, UnknownInstance, InventoryUnavailable: as `page`.
        """
        instance = instance_named(self._instances, instance_id)
        listed = _inventory(instance).numbers
        shown = [listed[number] for number in numbers if number in listed]
        return (await self._judged(instance, shown))[1]

    async def park(self, instance_id: str, number: str, until: int) -> str:
        """Take a number out of rotation until an instant in ms, on every replica; returns its key.

        Raises:
            InvalidField, UnknownInstance: no number, or no instance that is configured.
            UnknownNumber: the number is not the instance's, or never in rotation.
            InventoryUnavailable, LedgerUnavailable: it cannot be done now.
        """
        instance, known = self._named(instance_id, number)
        if not await instance.ledger.apply(Park(known.number, OPERATOR, until)):
            why = bar(known) or "the ledger has yet to hear of it"
            raise UnknownNumber(f"{mask(known.number)} is not a candidate ({why})")
        return known.number

    async def unpark(self, instance_id: str, number: str) -> str:
        """End an operator's park, and no other, on every replica; returns the number's key.

        Raises:
            UnknownNumber: the number is not the instance's, or no operator parked it.
            InvalidField, UnknownInstance, InventoryUnavailable, LedgerUnavailable: as `park`.
        """
        instance, known = self._named(instance_id, number)
        if not await instance.ledger.apply(Unpark(known.number, OPERATOR)):
            raise UnknownNumber(f"{mask(known.number)} is not parked by an operator")
        return known.number

    def _named(self, instance_id: str, number: str) -> tuple[Instance, PhoneNumber]:
        instance = instance_named(self._instances, instance_id)
        key = own_number("number", number)
        if known := _inventory(instance).numbers.get(key):
            return instance, known
        raise UnknownNumber(f"{mask(key)} is not a number of {instance.instance_id}")

    async def _found(self, inventory: Inventory, query: NumberQuery) -> list[PhoneNumber]:
        ordered, found = self._in_order(inventory), list[PhoneNumber]()
        for start in range(0, len(ordered), SCANNED):
            found += _filtered(ordered[start : start + SCANNED], query)
            await asyncio.sleep(0)  # picks go on meanwhile
        return found

    def _in_order(self, inventory: Inventory) -> list[PhoneNumber]:
        """All numbers in order; sorting a hundred thousand takes tens of ms, so once a snapshot."""
        known, ordered = self._ordered.get(inventory.instance_id, (None, []))
        if known is not inventory:
            ordered = sorted(inventory.numbers.values(), key=lambda one: one.number)
            self._ordered[inventory.instance_id] = inventory, ordered
        return ordered

    async def _judged(
        self, instance: Instance, shown: list[PhoneNumber]
    ) -> tuple[Literal["known", "unavailable"], tuple[NumberEntry, ...]]:
        standing, entries = await self._entries(instance.ledger, shown)
        reasons = await self._health(instance.instance_id, [one.number for one in shown])
        return standing, tuple(
            msgspec.structs.replace(one, health=reasons.get(one.number, "")) for one in entries
        )

    async def _entries(
        self, ledger: Ledger, shown: list[PhoneNumber]
    ) -> tuple[Literal["known", "unavailable"], tuple[NumberEntry, ...]]:
        try:
            standings = await describe(ledger, [one.number for one in shown])
        except LedgerUnavailable:
            return "unavailable", tuple(NumberEntry(**_plain(one)) for one in shown)
        now = self._now()
        pairs = zip(shown, standings, strict=True)
        return "known", tuple(_entry(one, standing, now) for one, standing in pairs)


def _inventory(instance: Instance) -> Inventory:
    if instance.keeper.inventory is None:
        raise InventoryUnavailable.of(instance.instance_id)
    return instance.keeper.inventory


def _filtered(numbers: Iterable[PhoneNumber], query: NumberQuery) -> Iterator[PhoneNumber]:
    digits = query.q.replace(" ", "").replace("-", "")
    province, city = normal_province(query.province), normal_city(query.city)
    return (
        one
        for one in numbers
        if digits in one.number
        and query.usage in ("", one.usage)
        and query.active in ("", str(one.active).lower())
        and (not query.skill_group_id or query.skill_group_id in one.skill_group_ids)
        and province in ("", one.province)
        and city in ("", one.city)
    )


def _entry(one: PhoneNumber, standing: Standing, now: int) -> NumberEntry:
    barred = bar(one)
    parked = [Parked(barred, None)] if barred else []
    parked += [
        Parked(reason, datetime.fromtimestamp(until / 1000, UTC))
        for reason, until in sorted(standing.parks)
        if until > now
    ]
    return NumberEntry(
        **_plain(one),
        used_hour=standing.used_hour,
        used_day=standing.used_day,
        max_per_hour=standing.max_per_hour,
        max_per_day=standing.max_per_day,
        available=not parked,
        parked=tuple(parked),
    )


def _plain(one: PhoneNumber) -> dict[str, Any]:
    fields = msgspec.structs.asdict(one)
    details = fields.pop("details")
    return fields | (msgspec.structs.asdict(details) if details else {})
