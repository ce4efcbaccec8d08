"""Errors as Alibaba Cloud's gateway and CCC word them, so that an SDK's user can act on them.

Codes and statuses are the documents' where they have one; what they lack keeps our own code. Flow
control is 400 there, and its code starts with `Throttling`: what retries look for, so an overload
is told that way. `x-acs-retry-after`, in ms, is the one thing that makes the SDK raise its
ThrottlingException.
"""

from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web

from service.api.problems import detail_of, headers_of, status_of
from service.errors import (
    CallerIdError,
    InvalidField,
    Overloaded,
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
    "Forbidden.RAM": (403, "User not authorized to operate on the specified resource."),
    "Throttling.User": (400, "Request was denied due to user flow control."),
    "ServiceUnavailable": (503, "The request has failed due to a temporary failure of the server."),
}

# What they have a code of their own for.
_THEIRS = {
    "Forbidden": "Forbidden.RAM",
    "InventoryUnavailable": "ServiceUnavailable",
    "Overloaded": "Throttling.User",
}

# The names of our fields at the other door.
_PARAMETERS = {
    "called_number": "CalledNumber",
    "count": "Count",
    "instance_id": "InstanceId",
    "skill_group_ids": "SkillGroupIdList",
}


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
    status, code, message = _told(error)
    body: dict[str, Any] = {
        "RequestId": request_id,
        "HostId": request.host.encode("ascii", "replace").decode(),
        "Code": code,
        "Message": message,
        "Recommend": _recommended(code, request_id),
    }
    headers = headers_of(error)
    headers |= {"Content-Type": "application/json;charset=utf-8", "x-acs-request-id": request_id}
    if isinstance(error, Overloaded):
        headers["x-acs-retry-after"] = str(int(error.retry_after * 1000))
    return web.Response(status=status, body=orjson.dumps(body), headers=headers)


def _told(error: CallerIdError) -> tuple[int, str, str]:
    """The status, the code and the message that an error has here."""
    match error:
        case Refused():
            return _documented(error.ccc_code, *error.values)
        case InvalidField():
            name = error.field.split("[")[0]
            why = detail_of(error).removeprefix(f"{error.field}: ")
            return _documented("InvalidParameter", _PARAMETERS.get(name, name), why)
        case NoSuchInstance():
            return _documented("NotExists.InstanceId", error.instance_id)
    if error.code in _THEIRS:
        return _documented(_THEIRS[error.code])
    return status_of(error), error.code, detail_of(error)


def _documented(code: str, *values: object) -> tuple[int, str, str]:
    status, template = _CATALOGUE[code]
    return HTTPStatus(status), code, mask_text(template.format(*values))


def _recommended(code: str, request_id: str) -> str:
    """Where Alibaba explains a code; it knows nothing of ours."""
    if code not in _CATALOGUE:
        return ""
    return f"https://api.aliyun.com/troubleshoot?q={code}&product=CCC&requestId={request_id}"
