"""Errors as Alibaba Cloud's gateway and CCC word them, so that an SDK's user can act on them.

Codes and statuses are the documents' where they have one; what they lack keeps our own code. Flow
control is 400 there, and its code starts with `Throttling`: what retries look for, so an overload
is told that way. `x-acs-retry-after`, in ms, is the one thing that makes the SDK raise its
ThrottlingException. A callee's budget is no flow control: waiting for it inside a call helps
nobody, so it keeps its own code, and the message says when.
"""

import math
from http import HTTPStatus
from typing import Any

from aiohttp import web

from service.api.problems import detail_of, headers_of, status_of
from service.api.rpc import formats
from service.api.rpc.call import CALL
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

_CATALOGUE = {
    "Parameter.Empty": (400, "The parameter {} may not be null or empty."),
    "Parameter.Enumeration": (400, "The parameter {} must be one of the value of enumeration {}."),
    "Parameter.Maximum": (400, "The parameter {} must be less than or equal to {}."),
    "Parameter.Minimum": (400, "The parameter {} must be greater than or equal to {}."),
    "Parameter.Null": (400, "The parameter {} may not be null."),
    "MissingParameter": (
        400,
        'The input parameter "{}" that is mandatory for processing this request is not supplied.',
    ),
    "InvalidParameter": (400, 'The specified parameter "{}" is not valid: {}.'),
    "InvalidVersion": (400, "Specified parameter {} is not valid."),
    "InvalidAction.NotFound": (
        404,
        "Specified api is not found, please check your url and method.",
    ),
    "NotExists.InstanceId": (404, "The specified instance {} does not exist."),
    "InvalidAccessKeyId.NotFound": (404, "Specified access key is not found."),
    "InvalidSecurityToken.MismatchWithAccessKey": (
        400,
        "Specified SecurityToken mismatch with the AccessKey.",
    ),
    "InvalidTimeStamp.Expired": (400, "Specified time stamp or date value is expired."),
    "InvalidTimeStamp.Format": (400, "Specified time stamp or date value is not well formatted."),
    "IncompleteSignature": (
        400,
        "The request signature does not conform to Alibaba Cloud standards.",
    ),
    "SignatureDoesNotMatch": (400, "{}"),
    "SignatureNonceUsed": (400, "Specified signature nonce was used already."),
    "Forbidden.RAM": (403, "User not authorized to operate on the specified resource."),
    "Throttling.User": (400, "Request was denied due to user flow control."),
    "ServiceUnavailable": (503, "The request has failed due to a temporary failure of the server."),
}

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


class Refused(InvalidField):
    """A parameter that the documents have an error for.

    Args:
        ccc_code: which.
        parameter: by its name on the wire.
        bound: what the parameter should have kept to, where the message says that.
    """

    def __init__(self, ccc_code: str, parameter: str, bound: object = "") -> None:
        super().__init__(parameter, ccc_code)
        self.ccc_code = ccc_code
        self.values = (parameter, bound)


class NoSuchInstance(UnknownInstance):
    """No such instance is configured; the documents' message names it."""

    def __init__(self, instance_id: str) -> None:
        super().__init__(f"InstanceId: no instance {instance_id!r} is configured here")
        self.instance_id = instance_id


def refusal(request: web.Request, error: CallerIdError, request_id: str) -> web.Response:
    """An error in the envelope of the door."""
    status, code, message = _told(request, error)
    body: dict[str, Any] = {
        "RequestId": request_id,
        "HostId": request.host.encode("ascii", "replace").decode(),
        "Code": code,
        "Message": message,
        "Recommend": _recommended(code, request_id),
    }
    headers = headers_of(error)
    if isinstance(error, Overloaded):
        headers["x-acs-retry-after"] = str(int(error.retry_after * 1000))
    return formats.response(request, "Error", body, status, headers)


def _told(request: web.Request, error: CallerIdError) -> tuple[int, str, str]:
    """The status, the code and the message that an error has here."""
    match error:
        case Refused() | ClaimRefused():
            return _documented(error.ccc_code, *error.values)
        case InvalidField():
            why = detail_of(error).removeprefix(f"{error.field}: ")
            return _documented("InvalidParameter", _parameter(request, error.field), why)
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
    status, template = _CATALOGUE[code]
    if code == "SignatureDoesNotMatch":
        # Whole and unmasked: the SDKs compare it with what they signed, and it is theirs.
        return status, code, template.format(*values)
    shown = (str(value)[:_LONGEST] for value in values)
    return HTTPStatus(status), code, mask_text(template.format(*shown))


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


def _recommended(code: str, request_id: str) -> str:
    """Return Alibaba's page on a code; there is none for our own codes."""
    if code not in _CATALOGUE:
        return ""
    return f"https://api.aliyun.com/troubleshoot?q={code}&product=CCC&requestId={request_id}"
