"""The actions of the RPC door: parameters in, the answer's fields beside `Code` out.

A pick decides as `/v1/pick` does. A list is told from the cached inventory: places in their
normal form, a skill group's name from its id, and none of what the cache does not keep (contact
flows, times of creation). Numbers are added through CCC, and answered as CCC does.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

from aiohttp import web

from service.api import audit, faults
from service.api.gate import Admission
from service.api.nonces import Nonces
from service.api.parts import API, REQUEST_ID, Api
from service.api.pick import answer_pick
from service.api.rpc import auth
from service.api.rpc.call import CALL
from service.api.rpc.refusal import NoSuchInstance
from service.ccc import parameters
from service.ccc.parameters import Params, integer, required, required_texts
from service.inventory import Inventory, PhoneNumber
from service.picking import PickRequest, PlacedNumber
from service.picking.instance import inventory_of
from service.provisioning import AddRequest, BulkRequest
from service.settings import Scope


async def pick_outbound_numbers(request: web.Request) -> dict[str, Any]:
    """The pairs of caller and callee, best first."""
    api = request.app[API]
    enter, read = partial(auth.enter, request), partial(_read_pick, request, api)
    answer = await answer_pick(api, request[REQUEST_ID], enter, read)
    pairs = [
        {"Callee": _placed(pair.callee), "Caller": _placed(pair.caller)} for pair in answer.data
    ]
    return {"Data": pairs}


async def list_phone_numbers(request: web.Request) -> dict[str, Any]:
    """One page of the cached inventory, ordered by number so that all replicas page alike."""
    api, params = request.app[API], request[CALL].params
    instance_id = await _administered(request, api, api.nonces)
    inventory = inventory_of(instance_id, api.parts.keepers[instance_id])
    page, size = integer(params, "PageNumber"), integer(params, "PageSize")
    matching = sorted(number.number for number in _filtered(inventory, params))
    shown = matching[(page - 1) * size : page * size]
    data = {
        "PageNumber": page,
        "PageSize": size,
        "TotalCount": len(matching),
        "List": [_row(instance_id, inventory.numbers[number]) for number in shown],
    }
    return {"Data": data}


async def add_phone_numbers(request: web.Request) -> dict[str, Any]:
    """Add numbers; `Data` has those that could not be."""
    given = await _read_addition(request, "NumberList")
    given["number_group_id"] = parameters.optional(request[CALL].params, "NumberGroupId")
    addition = await audit.add(request, faults.converted(given, AddRequest))
    return {"Data": addition.failed}


async def add_bulk_phone_numbers(request: web.Request) -> dict[str, Any]:
    """Add numbers bound to skill groups; the answer is that of 2017-07-05, `Userd…` included."""
    given = await _read_addition(request, "PhoneNumber")
    given["skill_group_ids"] = parameters.texts(request[CALL].params, "SkillGroupId")
    addition = await audit.add(request, faults.converted(given, BulkRequest))
    return {
        "Success": True,
        "PhoneNumbers": {"PhoneNumber": [details.raw for details in addition.details]},
        "FailedPhoneNumbers": {"FailedPhoneNumber": addition.failed},
        "UserdPhoneNumbers": {"UserdPhoneNumber": addition.in_use},
        "ArrearagePhoneNumbers": {"ArrearagePhoneNumber": addition.in_arrears},
    }


async def _read_pick(request: web.Request, api: Api, _admission: Admission) -> PickRequest:
    instance_id = await _admitted(request, "pick", api.nonces)
    params = request[CALL].params
    given = {
        "instance_id": instance_id,
        "called_number": required(params, "CalledNumber"),
        "skill_group_ids": required_texts(params, "SkillGroupIdList"),
        "count": integer(params, "Count", default="1"),
    }
    _must_exist(api, instance_id)
    return faults.converted(given, PickRequest)


async def _read_addition(request: web.Request, numbers: str) -> dict[str, Any]:
    """Return what both additions have, with the list called `numbers`."""
    api, params = request.app[API], request[CALL].params
    instance_id = await _administered(request, api, api.shared_nonces)
    return {
        "instance_id": instance_id,
        "numbers": required_texts(params, numbers),
        "usage": parameters.required_usage(params),
        "contact_flow_id": parameters.optional(params, "ContactFlowId"),
    }


async def _administered(request: web.Request, api: Api, nonces: Nonces) -> str:
    """Return the instance that is to be administered; there is one of that id."""
    with auth.enter(request):  # what a signature costs
        instance_id = await _admitted(request, "admin", nonces)
    _must_exist(api, instance_id)
    return instance_id


async def _admitted(request: web.Request, scope: Scope, nonces: Nonces) -> str:
    """Return the instance that a call is for, which who calls may ask for."""
    asker = await auth.require(request, scope, nonces)
    instance_id = required(request[CALL].params, "InstanceId")
    asker.keep_to(instance_id)
    return instance_id


def _must_exist(api: Api, instance_id: str) -> None:
    if instance_id not in api.parts.keepers:
        raise NoSuchInstance(instance_id)


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
