"""`/v1/inventory`: what is known of the numbers of each instance, and a sweep at once."""

from collections.abc import Iterable
from typing import Any

import msgspec
import orjson
from aiohttp import web

from service.api import audit
from service.api.auth import Asker
from service.api.parts import API, Api, Keeper
from service.errors import InvalidField, InventoryUnavailable, UnknownInstance


async def get(request: web.Request) -> web.Response:
    """The inventories of all instances that who asks may ask for, or of the one named."""
    api = request.app[API]
    asker = api.tokens.require(request, "admin")
    if "instance_id" in request.query:
        return _shown(api, [_named(request, api, asker)])
    return _shown(api, asker.instances or api.parts.keepers)


async def refresh(request: web.Request) -> web.Response:
    """Sweep now; with `accept_shrink=true` also believe a loss.

    Raises:
        InventoryUnavailable: the sweep failed; the last good inventory stays.
    """
    api = request.app[API]
    asker = api.tokens.require(request, "admin")
    instance_id = _named(request, api, asker)
    report = await api.parts.keepers[instance_id].refresh(
        accept_shrink=_flag(request, "accept_shrink")
    )
    what = f"refreshed the inventory, {report.result}"
    audit.note(request, asker, what, report.added + report.removed, instance_id)
    if report.result == "failed":
        raise InventoryUnavailable(f"The sweep failed, what was there stays: {report.detail}")
    return _shown(api, [instance_id])


def _named(request: web.Request, api: Api, asker: Asker) -> str:
    keepers = api.parts.keepers
    instance_id = request.query.get("instance_id", "")
    asker.keep_to(instance_id)
    if not instance_id and len(keepers) == 1:
        return next(iter(keepers))
    if not instance_id:
        raise InvalidField("instance_id", "several instances are configured: name one")
    if instance_id not in keepers:
        raise UnknownInstance(f"instance_id: no instance {instance_id!r} is configured here")
    return instance_id


def _flag(request: web.Request, name: str) -> bool:
    value = request.query.get(name, "false").lower()
    if value not in ("true", "false"):
        raise InvalidField(name, "takes true or false")
    return value == "true"


def _shown(api: Api, instance_ids: Iterable[str]) -> web.Response:
    now = api.parts.clock()
    data = [_described(name, api.parts.keepers[name], now) for name in instance_ids]
    return web.Response(body=orjson.dumps({"data": data}), content_type="application/json")


def _described(instance_id: str, keeper: Keeper, now: float) -> dict[str, Any]:
    inventory, swept_at, report = keeper.inventory, keeper.swept_at, keeper.last_sweep
    return {
        "instance_id": instance_id,
        "generation": inventory.generation if inventory else None,
        "numbers": len(inventory) if inventory else 0,
        "candidates": len(inventory.homes()) if inventory else 0,
        "age_seconds": round(now - swept_at, 1) if swept_at is not None else None,
        "stale": keeper.is_stale,
        "last_sweep": msgspec.structs.asdict(report) if report else None,
    }
