"""The two actions of the RPC door that ask: parameters in, the answer's `Data` out.

A pick decides as `/v1/pick` does. A list is told from the cached inventory: places in their
normal form, a skill group's name from its id, and none of what the cache does not keep (contact
flows, times of creation).
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec
from aiohttp import web

from service.api import faults
from service.api.parts import API, REQUEST_ID, Api
from service.api.pick import answer_pick
from service.api.rpc import auth
from service.api.rpc.call import CALL
from service.api.rpc.refusal import NoSuchInstance
from service.ccc import parameters
from service.ccc.parameters import Params, integer, required, required_texts
from service.errors import InventoryUnavailable
from service.inventory import Inventory, PhoneNumber
from service.picking import PickRequest, PlacedNumber


async def pick_outbound_numbers(request: web.Request) -> dict[str, Any]:
    """The pairs of caller and callee, best first."""
    api = request.app[API]
    answer = await answer_pick(api, request[REQUEST_ID], partial(_read_pick, request, api))
    pairs = [
        {"Callee": _placed(pair.callee), "Caller": _placed(pair.caller)} for pair in answer.data
    ]
    return {"Data": pairs}


async def list_phone_numbers(request: web.Request) -> dict[str, Any]:
    """One page of the cached inventory, ordered by number so that all replicas page alike."""
    api, params = request.app[API], request[CALL].params
    asker = await auth.require(request, "admin", api.nonces)
    instance_id = required(params, "InstanceId")
    asker.keep_to(instance_id)
    inventory = _inventory(api, instance_id)
    page, size = integer(params, "PageNumber"), integer(params, "PageSize")
    found = sorted(number.number for number in _filtered(inventory, params))
    shown = found[(page - 1) * size : page * size]
    data = {
        "PageNumber": page,
        "PageSize": size,
        "TotalCount": len(found),
        "List": [_row(instance_id, inventory.numbers[number]) for number in shown],
    }
    return {"Data": data}


async def _read_pick(request: web.Request, api: Api) -> PickRequest:
    asker = await auth.require(request, "pick", api.nonces)
    params = request[CALL].params
    instance_id = required(params, "InstanceId")
    asker.keep_to(instance_id)
    asked = {
        "instance_id": instance_id,
        "called_number": required(params, "CalledNumber"),
        "skill_group_ids": required_texts(params, "SkillGroupIdList"),
        "count": integer(params, "Count", default="1"),
    }
    if instance_id not in api.parts.keepers:
        raise NoSuchInstance(instance_id)
    try:
        return msgspec.convert(asked, PickRequest)
    except msgspec.ValidationError as error:
        raise faults.invalid(error, PickRequest) from None


def _inventory(api: Api, instance_id: str) -> Inventory:
    if instance_id not in api.parts.keepers:
        raise NoSuchInstance(instance_id)
    inventory = api.parts.keepers[instance_id].inventory
    if inventory is None:
        raise InventoryUnavailable.of(instance_id)
    return inventory


def _filtered(inventory: Inventory, params: Params) -> Iterator[PhoneNumber]:
    """The numbers that the filters leave; an empty filter is none."""
    pattern, usage = parameters.optional(params, "SearchPattern"), parameters.usage(params)
    active = parameters.active(params)
    return (
        number
        for number in inventory.numbers.values()
        if pattern in number.number
        and (not usage or number.usage == usage)
        and (active is None or number.active == active)
    )


def _placed(number: PlacedNumber) -> dict[str, str]:
    return {"Number": number.number, "Province": number.province, "City": number.city}


def _row(instance_id: str, number: PhoneNumber) -> dict[str, Any]:
    return {
        "Active": number.active,
        "City": number.city,
        "InstanceId": instance_id,
        "Number": number.number,
        "Provider": number.provider,
        "Province": number.province,
        "SkillGroups": [_group(instance_id, group) for group in number.skill_group_ids],
        "Tags": ",".join(number.tags),
        "Usage": number.usage,
        "UserId": number.agent_id,
    }


def _group(instance_id: str, group_id: str) -> dict[str, str]:
    name = group_id.partition("@")[0]
    return {
        "DisplayName": name,
        "InstanceId": instance_id,
        "Name": name,
        "SkillGroupId": group_id,
    }
