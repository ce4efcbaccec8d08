"""Alibaba's words on the wire: the errors of CCC and of the gateway before it, and both envelopes.

The emulator answers by it, and so does the RPC door; the client reads what is written so.
Sources: the API pages of ListPhoneNumbers and PickOutboundNumbers for `Parameter.*` and
`NotExists.*`; Alibaba Cloud's common error tables and public issues for the rest. Where tables
differ (an unknown key is 404 in one, 400 in another), the older one is followed.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

_BAD, _DENIED, _ABSENT = HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND

_ERRORS: dict[str, tuple[HTTPStatus, str]] = {
    "Parameter.Empty": (_BAD, "The parameter {} may not be null or empty."),
    "Parameter.Enumeration": (_BAD, "The parameter {} must be one of the value of enumeration {}."),
    "Parameter.Maximum": (_BAD, "The parameter {} must be less than or equal to {}."),
    "Parameter.Minimum": (_BAD, "The parameter {} must be greater than or equal to {}."),
    "Parameter.Null": (_BAD, "The parameter {} may not be null."),
    "NotExists.InstanceId": (_ABSENT, "The specified instance {} does not exist."),
    "InvalidParameter": (_BAD, 'The specified parameter "{}" is not valid.'),
    "MissingParameter": (
        _BAD,
        'The input parameter "{}" that is mandatory for processing this request is not supplied.',
    ),
    "InvalidVersion": (_BAD, "Specified parameter Version is not valid."),
    "InvalidAction.NotFound": (
        _ABSENT,
        "Specified api is not found, please check your url and method.",
    ),
    "InvalidAccessKeyId.NotFound": (_ABSENT, "Specified access key is not found."),
    "InvalidSecurityToken.MismatchWithAccessKey": (
        _BAD,
        "Specified SecurityToken mismatch with the AccessKey.",
    ),
    "InvalidTimeStamp.Expired": (_BAD, "Specified time stamp or date value is expired."),
    "InvalidTimeStamp.Format": (_BAD, "Specified time stamp or date value is not well formatted."),
    "SignatureNonceUsed": (_BAD, "Specified signature nonce was used already."),
    "IncompleteSignature": (
        _BAD,
        "The request signature does not conform to Alibaba Cloud standards.",
    ),
    "SignatureDoesNotMatch": (_BAD, "{}"),
    "Throttling.User": (_BAD, "Request was denied due to user flow control."),
    "Forbidden.RAM": (_DENIED, "User not authorized to operate on the specified resource."),
    "InternalError": (
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "The request processing has failed due to some unknown error.",
    ),
    "ServiceUnavailable": (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The request has failed due to a temporary failure of the server.",
    ),
}


def worded(code: str, *values: object) -> tuple[HTTPStatus, str]:
    """Return the HTTP status and the message of a documented error.

    Args:
        code: the error's, such as `Parameter.Maximum`.
        values: what the message names: the parameter, and its bound where there is one.
    """
    status, template = _ERRORS[code]
    return status, template.format(*values)


def success(request_id: str, answered: Mapping[str, Any]) -> dict[str, Any]:
    """Return the envelope of a good answer, around the action's own fields."""
    envelope = {"RequestId": request_id, "HttpStatusCode": 200, "Code": "OK", "Message": ""}
    return {**envelope, **answered}


def failure(request_id: str, host: str, code: str, message: str) -> dict[str, Any]:
    """Return the envelope of an error, with Alibaba's page on its code, if there is one."""
    advice = f"q={code}&product=CCC&requestId={request_id}"
    return {
        "RequestId": request_id,
        "HostId": host,
        "Code": code,
        "Message": message,
        "Recommend": f"https://api.aliyun.com/troubleshoot?{advice}" if code in _ERRORS else "",
    }
