"""Errors as Alibaba Cloud's gateway and CCC word them, so that an SDK's user can act on them.

Codes and statuses are the documents' where they have one; what they lack keeps our own code. Flow
control is 400 there, and its code starts with `Throttling`: what retries look for, so an overload
is told that way. `x-acs-retry-after`, in ms, is the one thing that makes the SDK raise its
ThrottlingException. A callee's budget is no flow control: waiting for it inside a call helps
nobody, so it keeps its own code, and the message says when.
"""

import math
from http import HTTPStatus

from aiohttp import web

from service.api.problems import detail_of, headers_of, status_of
from service.api.rpc import formats
from service.api.rpc.call import CALL
from service.ccc import catalogue
from service.ccc.catalogue import worded
from service.ccc.parameters import ParameterRefused
from service.errors import (
    CallerIdError,
    CccError,
    CccRefused,
    CccThrottled,
    ClaimRefused,
    InvalidField,
    Overloaded,
    Unavailable,
    UnknownInstance,
)
from service.logs import mask_text

# What they have a code of their own for.
_THEIRS = {
    "Forbidden": "Forbidden.RAM",
    "InventoryUnavailable": "ServiceUnavailable",
    "LedgerUnavailable": "ServiceUnavailable",
    "Overloaded": "Throttling.User",
}

# The names of our fields at the other door; those of 2017-07-05 where they differ.
_PARAMETERS = {
    "called_number": "CalledNumber",
    "contact_flow_id": "ContactFlowId",
    "count": "Count",
    "instance_id": "InstanceId",
    "number_group_id": "NumberGroupId",
    "numbers": "NumberList",
    "skill_group_ids": "SkillGroupIdList",
    "usage": "Usage",
}
_PARAMETERS_2017 = {"numbers": "PhoneNumber", "skill_group_ids": "SkillGroupId"}

# What CCC says of this service's own key is not what the caller's key is wrong in.
_OUR_OWN = (
    "Forbidden",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidSecurityToken",
    "InvalidTimeStamp",
    "NoPermission",
    "Signature",
)

_LONGEST = 256  # characters of what a client sent, shown to it again


class NoSuchInstance(UnknownInstance):
    """No such instance is configured; the documents' message names it."""

    def __init__(self, instance_id: str) -> None:
        super().__init__(f"InstanceId: no instance {instance_id!r} is configured here")
        self.instance_id = instance_id


def refusal(request: web.Request, error: CallerIdError, request_id: str) -> web.Response:
    """An error in the envelope of the door."""
    status, code, message = _told(request, error)
    host = mask_text(request.host[:_LONGEST].encode("ascii", "replace").decode())
    body = catalogue.failure(request_id, host, code, message)
    headers = headers_of(error)
    if isinstance(error, Overloaded):
        headers["x-acs-retry-after"] = str(int(error.retry_after * 1000))
    return formats.response(request, "Error", body, status, headers)


def _told(request: web.Request, error: CallerIdError) -> tuple[int, str, str]:
    """The status, the code and the message that an error has here."""
    match error:
        case ParameterRefused() | ClaimRefused():
            return _documented(error.ccc_code, *error.values)
        case InvalidField():
            status, code, message = _documented(
                "InvalidParameter", _parameter(request, error.field)
            )
            why = detail_of(error).removeprefix(f"{error.field}: ")
            return status, code, f"{message.removesuffix('.')}: {why}."
        case NoSuchInstance():
            return _documented("NotExists.InstanceId", error.instance_id)
        case CccError():
            return _relayed(error)
    if error.code in _THEIRS:
        return _documented(_THEIRS[error.code])
    message = detail_of(error)
    if isinstance(error, Unavailable):
        message += f"; ask again in {math.ceil(error.retry_after)} s"
    return status_of(error), error.code, message


def _documented(code: str, *values: object) -> tuple[int, str, str]:
    if code == "SignatureDoesNotMatch":
        # Whole and unmasked: the SDKs compare it with what they signed, and it is theirs.
        status, message = worded(code, *values)
        return status, code, message
    status, message = worded(code, *(str(value)[:_LONGEST] for value in values))
    return status, code, mask_text(message)


def _relayed(error: CccError) -> tuple[int, str, str]:
    """CCC's own words about a call that was passed on to it."""
    if isinstance(error, CccThrottled):
        return _documented("Throttling.User")
    if not isinstance(error, CccRefused):
        status, code, message = _documented("ServiceUnavailable")
        if error.may_have_happened:
            message += " CCC's answer was lost: list the numbers before you add them again."
        return status, code, message
    if error.ccc_code.startswith(_OUR_OWN):
        status, code, message = _documented("ServiceUnavailable")
        return status, code, f"{message} CCC refuses this service's own key: {error.ccc_code}."
    message = detail_of(error).removeprefix(f"{error.ccc_code}: ")
    is_clients = HTTPStatus.BAD_REQUEST <= error.status < HTTPStatus.INTERNAL_SERVER_ERROR
    return error.status if is_clients else HTTPStatus.BAD_REQUEST, error.ccc_code, message


def _parameter(request: web.Request, field: str) -> str:
    """A field by its name at this door."""
    name = field.partition("[")[0]
    call = request.get(CALL)
    if call is not None and call.version == "2017-07-05":
        name = _PARAMETERS_2017.get(name, name)
    return _PARAMETERS.get(name, name)
