"""The two actions of the RPC door that add numbers: through CCC, and answered as CCC does."""

from typing import Any, TypeVar

import msgspec
from aiohttp import web

from service.api import audit, faults
from service.api.auth import Asker
from service.api.parts import API, REQUEST_ID
from service.api.rpc import auth
from service.api.rpc.call import CALL
from service.api.rpc.refusal import NoSuchInstance
from service.ccc import parameters
from service.provisioning import AddRequest, BulkRequest

R = TypeVar("R", AddRequest, BulkRequest)


async def add_phone_numbers(request: web.Request) -> dict[str, Any]:
    """Add numbers; `Data` has those that could not be."""
    asker, instance_id = await _admitted(request)
    params = request[CALL].params
    asked = {
        "instance_id": instance_id,
        "numbers": parameters.required_texts(params, "NumberList"),
        "usage": parameters.required_usage(params),
        "contact_flow_id": parameters.optional(params, "ContactFlowId"),
        "number_group_id": parameters.optional(params, "NumberGroupId"),
    }
    adding = request.app[API].parts.provisioner.add(_as(AddRequest, asked), request[REQUEST_ID])
    return {"Data": (await audit.noted(request, asker, adding, instance_id)).failed}


async def add_bulk_phone_numbers(request: web.Request) -> dict[str, Any]:
    """Add numbers bound to skill groups; the answer is that of 2017-07-05, `Userd…` included."""
    asker, instance_id = await _admitted(request)
    params = request[CALL].params
    asked = {
        "instance_id": instance_id,
        "numbers": parameters.required_texts(params, "PhoneNumber"),
        "usage": parameters.required_usage(params),
        "contact_flow_id": parameters.optional(params, "ContactFlowId"),
        "skill_group_ids": parameters.texts(params, "SkillGroupId"),
    }
    provisioner = request.app[API].parts.provisioner
    adding = provisioner.add_bulk(_as(BulkRequest, asked), request[REQUEST_ID])
    addition = await audit.noted(request, asker, adding, instance_id)
    return {
        "Success": True,
        "PhoneNumbers": {"PhoneNumber": [each.raw for each in addition.details]},
        "FailedPhoneNumbers": {"FailedPhoneNumber": addition.failed},
        "UserdPhoneNumbers": {"UserdPhoneNumber": addition.in_use},
        "ArrearagePhoneNumbers": {"ArrearagePhoneNumber": addition.in_arrears},
    }


async def _admitted(request: web.Request) -> tuple[Asker, str]:
    """Return the caller of an addition and the instance that it may add to."""
    api = request.app[API]
    asker = await auth.require(request, "admin", api.shared_nonces)
    instance_id = parameters.required(request[CALL].params, "InstanceId")
    asker.keep_to(instance_id)
    if instance_id not in api.parts.keepers:
        raise NoSuchInstance(instance_id)
    return asker, instance_id


def _as(shape: type[R], asked: dict[str, Any]) -> R:
    try:
        return msgspec.convert(asked, shape)
    except msgspec.ValidationError as error:
        raise faults.invalid(error, shape) from None
