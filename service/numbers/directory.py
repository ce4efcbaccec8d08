"""The numbers of an instance for people: filtered, ordered, with how each stands.

The list is of the cached inventory, the standing is the ledger's. CCC is not asked.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal

import msgspec
from msgspec.structs import asdict

from service.errors import LedgerUnavailable
from service.inventory import Inventory, PhoneNumber, bar
from service.inventory.order import in_order
from service.ledger import Park, Standing, describe
from service.numbers import NumberEntry, NumberPage, NumberQuery, Parked
from service.numbers.selecting import has_state, selected
from service.picking.explaining import instant
from service.picking.instance import Instance, instance_named, inventory_of
from service.picking.notes import Note
from service.tasks import in_slices

NOTED = frozenset({"operator", "sip_rest", "sip_park", "provider"})  # parks that may have a note

HealthShown = Callable[[str, Sequence[str]], Awaitable[Mapping[str, str]]]
Described = tuple[Literal["known", "unavailable"], tuple[NumberEntry, ...]]


class Directory:
    """Lists the numbers of every configured instance.

    Args:
        instances: by id.
        health: tells of some numbers of an instance why they are in the health they are in.
    """

    def __init__(self, instances: Mapping[str, Instance], health: HealthShown) -> None:
        self._instances = instances
        self._health = health
        self._ordered: dict[str, tuple[Inventory, tuple[str, ...]]] = {}

    async def page(self, query: NumberQuery) -> NumberPage:
        """The numbers that a query leaves, in its order: by the numbers all replicas page alike.

        State and order are as this process knows them; who of the page is in another state by now
        is left out.

        Raises:
            InvalidField, UnknownInstance: the instance is not named, or not configured.
            InventoryUnavailable: it has no inventory yet.
        """
        instance = instance_named(self._instances, query.instance_id)
        matching = await self.matching(query)
        shown = matching[(query.page - 1) * query.page_size : query.page * query.page_size]
        standing, entries = await self._described(instance, shown)
        if standing == "known":
            entries = tuple(
                entry
                for entry in entries
                if has_state(query.state, [park.reason for park in entry.parked or ()])
            )
        return NumberPage(entries, query.page, query.page_size, len(matching), standing)

    async def matching(self, query: NumberQuery) -> list[PhoneNumber]:
        """All numbers that a query leaves, in its order, whatever its page; raises as `page`."""
        instance = instance_named(self._instances, query.instance_id)
        inventory = inventory_of(instance.instance_id, instance.keeper)
        ordered = await self._in_order(inventory)
        return await in_slices(selected(inventory.numbers, ordered, query, instance.ledger))

    async def _in_order(self, inventory: Inventory) -> tuple[str, ...]:
        """All numbers in order; sorting a hundred thousand takes tens of ms, so once a snapshot."""
        snapshot, ordered = self._ordered.get(inventory.instance_id, (None, ()))
        if snapshot is not inventory:
            ordered = await in_slices(in_order(list(inventory.numbers)))
            self._ordered[inventory.instance_id] = inventory, ordered
        return ordered

    async def _described(self, instance: Instance, shown: list[PhoneNumber]) -> Described:
        numbers = [own.number for own in shown]
        standings: Sequence[Standing | None]
        try:
            known, standings = True, await describe(instance.ledger, numbers)
        except LedgerUnavailable:
            known, standings = False, [None] * len(shown)
        health = await self._health(instance.instance_id, numbers)
        parks = [
            _parks(own, standing, instance.now())
            for own, standing in zip(shown, standings, strict=True)
        ]
        noted = [park for some in parks for park in some if park.reason in NOTED]
        notes = await instance.notes.read(noted) if noted else {}
        entries = tuple(
            _entry(own, standing, _parked(own, some, notes), health.get(own.number, ""))
            for own, standing, some in zip(shown, standings, parks, strict=True)
        )
        return "known" if known else "unavailable", entries


def _parks(own: PhoneNumber, standing: Standing | None, now: int) -> list[Park]:
    parks = sorted(standing.parks) if standing is not None else ()
    return [Park(own.number, reason, until) for reason, until in parks if until > now]


def _parked(own: PhoneNumber, parks: list[Park], notes: Mapping[Park, Note]) -> tuple[Parked, ...]:
    """Return what keeps a number out, each with its words; a provider's has its name."""
    barred = bar(own)
    parked = [Parked(barred, None)] if barred else []
    for park in parks:
        note = notes.get(park, Note(words=own.provider if park.reason == "provider" else ""))
        parked.append(Parked(park.reason, instant(park.until), note.by, note.words))
    return tuple(parked)


def _entry(
    own: PhoneNumber, standing: Standing | None, parked: tuple[Parked, ...], health: str
) -> NumberEntry:
    fields = asdict(own) | {"health": health}
    if own.details is not None:
        fields |= asdict(own.details)
    if standing is not None:
        fields |= asdict(standing) | {"available": not parked, "parked": parked}
    return msgspec.convert(fields, NumberEntry)
