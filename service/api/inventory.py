"""`/v1/inventory`: what is known of the numbers of each instance, and a sweep at once."""

from collections.abc import Iterable
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from service.api import admin, audit
from service.api.answers import (
    InventoryReply,
    InventoryState,
    LastSweep,
    UnreadableExample,
    answer,
)
from service.api.auth import asker_of
from service.api.parts import API, Api
from service.errors import InventoryUnavailable
from service.numbers import InstanceQuery
from service.picking.instance import instance_named
from service.sync import InventoryKeeper


class RefreshQuery(InstanceQuery, frozen=True):
    """The instance to sweep, and whether to believe that it lost numbers."""

    accept_shrink: Annotated[
        bool, Meta(description="Believe a loss of numbers that would be held back.")
    ] = False


async def get(request: web.Request) -> web.Response:
    """Show how the inventories stand: the one named, or all that the credential is for."""
    api, asked = request.app[API], admin.query(request, InstanceQuery)
    if asked.instance_id:
        return _shown(api, [_named(asked, api)])
    return _shown(api, asker_of(request).instances or api.parts.keepers)


async def refresh(request: web.Request) -> web.Response:
    """Sweep an inventory now; with `accept_shrink=true` also believe a loss.

    Raises:
        InventoryUnavailable: the sweep failed; the last good inventory stays.
    """
    api, asked = request.app[API], admin.query(request, RefreshQuery)
    instance_id = _named(asked, api)
    report = await api.parts.keepers[instance_id].refresh(accept_shrink=asked.accept_shrink)
    what = f"refreshed the inventory, {report.result}"
    audit.note(request, what, report.added + report.removed, instance_id)
    if report.result == "failed":
        raise InventoryUnavailable(f"The sweep failed, what was there stays: {report.detail}")
    return _shown(api, [instance_id])


def _named(asked: InstanceQuery, api: Api) -> str:
    instance_named(api.parts.keepers, asked.instance_id)  # or it is refused
    return asked.instance_id or next(iter(api.parts.keepers))


def _shown(api: Api, instance_ids: Iterable[str]) -> web.Response:
    data = tuple(_described(name, api.parts.keepers[name]) for name in instance_ids)
    return answer(InventoryReply(data, api.parts.unused_overrides()))


def _described(instance_id: str, keeper: InventoryKeeper) -> InventoryState:
    inventory, age, report = keeper.inventory, keeper.age, keeper.last_sweep
    return InventoryState(
        instance_id=instance_id,
        generation=None if inventory is None else inventory.generation,
        numbers=0 if inventory is None else len(inventory),
        candidates=0 if inventory is None else len(inventory.homes()),
        age_seconds=None if age is None else round(age, 1),
        stale=keeper.is_stale,
        unreadable=report.unreadable,
        unreadable_examples=tuple(
            UnreadableExample(row.number, row.reason) for row in report.examples
        ),
        last_sweep=msgspec.convert(report, LastSweep, from_attributes=True),
    )
