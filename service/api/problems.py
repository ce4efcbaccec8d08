"""Errors on the wire: problem documents (RFC 9457), and the one table of their statuses.

The type is `about:blank`, so the title is the status's own phrase; `code` tells problems apart.
"""

import math
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace

from service.errors import (
    CallerIdError,
    CccThrottled,
    CccUnavailable,
    Forbidden,
    InvalidField,
    NoEligibleNumber,
    OutsideCallingWindow,
    RequestError,
    Unauthenticated,
    Unavailable,
)
from service.logs import mask, mask_text
from service.picking import Candidate
from service.provisioning import PartlyAdded

CCC_RETRY_SECONDS = "5"

STATUS = {
    "MalformedRequest": HTTPStatus.BAD_REQUEST,
    "Unauthenticated": HTTPStatus.UNAUTHORIZED,
    "Forbidden": HTTPStatus.FORBIDDEN,
    "UnknownInstance": HTTPStatus.NOT_FOUND,
    "UnknownCall": HTTPStatus.NOT_FOUND,
    "UnknownNumber": HTTPStatus.NOT_FOUND,
    "NotFound": HTTPStatus.NOT_FOUND,
    "MethodNotAllowed": HTTPStatus.METHOD_NOT_ALLOWED,
    "RequestTimeout": HTTPStatus.REQUEST_TIMEOUT,
    "ExpectationFailed": HTTPStatus.EXPECTATION_FAILED,
    "NoEligibleNumber": HTTPStatus.CONFLICT,
    "CallIdReused": HTTPStatus.CONFLICT,
    "OutsideCallingWindow": HTTPStatus.CONFLICT,
    "RequestTooLarge": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "UnsupportedMediaType": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "InvalidField": HTTPStatus.UNPROCESSABLE_ENTITY,
    "InvalidCalledNumber": HTTPStatus.UNPROCESSABLE_ENTITY,
    "CalleeBudgetExceeded": HTTPStatus.TOO_MANY_REQUESTS,
    "Overloaded": HTTPStatus.SERVICE_UNAVAILABLE,
    "InventoryUnavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "LedgerUnavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "CccThrottled": HTTPStatus.SERVICE_UNAVAILABLE,
    "CccUnavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "CccRefused": HTTPStatus.BAD_GATEWAY,
    "CccMalformed": HTTPStatus.BAD_GATEWAY,
    "PartlyAdded": HTTPStatus.BAD_GATEWAY,
}


RequestId = Annotated[str, Meta(description="As in `X-Request-Id`; the log has it.")]


class Placed(Struct, frozen=True):
    """A number by its place in the request."""

    index: Annotated[int, Meta(description="Its place in the request, from 0.")]
    number: Annotated[str, Meta(description="The number, masked.")]


Fate = Annotated[
    tuple[Placed, ...] | UnsetType,
    Meta(description="With `PartlyAdded`: as in `BulkAdditionReply`."),
]


class Problem(Struct, frozen=True, kw_only=True):
    """A problem document (RFC 9457); what `code` does not have is not there."""

    type: Annotated[str, Meta(description="Always `about:blank`: `code` tells problems apart.")] = (
        "about:blank"
    )
    title: Annotated[str, Meta(description="The status in words.")]
    status: Annotated[int, Meta(description="Of HTTP.")]
    code: Annotated[
        str,
        Meta(
            description="Which problem.",
            extra_json_schema={"enum": sorted([*STATUS, CallerIdError.code])},
        ),
    ]
    detail: Annotated[str, Meta(description="What to do about it, for people.")]
    request_id: RequestId
    field: Annotated[
        str | UnsetType, Meta(description="The field that is wrong, with `Invalid…`.")
    ] = UNSET
    reasons: Annotated[
        dict[str, int] | UnsetType,
        Meta(
            description="With `NoEligibleNumber`: how many numbers were out for each reason, as in "
            "`Candidate`."
        ),
    ] = UNSET
    explanation: Annotated[
        tuple[Candidate, ...] | UnsetType,
        Meta(description="With `NoEligibleNumber`: as in the answer to a pick."),
    ] = UNSET
    opens_at: Annotated[
        str | UnsetType,
        Meta(description="With `OutsideCallingWindow`: when calling begins again (RFC 3339)."),
    ] = UNSET
    added: Fate = UNSET
    failed: Fate = UNSET
    in_use: Fate = UNSET
    in_arrears: Fate = UNSET
    unknown: Annotated[
        tuple[Placed, ...] | UnsetType,
        Meta(
            description="With `PartlyAdded`: CCC's answer was lost, and it does not list them yet."
        ),
    ] = UNSET
    not_added: Annotated[
        tuple[Placed, ...] | UnsetType,
        Meta(description="With `PartlyAdded`: refused whole, or never sent."),
    ] = UNSET


_encoder = msgspec.json.Encoder()


class InternalError(CallerIdError):
    """An error that nobody expected; the log has its cause under the request's id."""

    def __init__(self) -> None:
        super().__init__("Something went wrong here; the log has it under this request_id")


class NotFound(RequestError):
    """Nothing is served at this path."""


class ExpectationFailed(RequestError):
    """The request expects what is not done here."""


class MethodNotAllowed(RequestError):
    """The path is right and the method is not."""

    def __init__(self, allow: str) -> None:
        super().__init__(f"Use {allow}")
        self.allow = allow


def document(error: CallerIdError, request_id: str) -> web.Response:
    """An error as `application/problem+json`."""
    status, headers, body = problem(error, request_id)
    return web.Response(status=status, body=body, headers=headers)


def problem(error: CallerIdError, request_id: str) -> tuple[HTTPStatus, dict[str, str], bytes]:
    """The status, the headers and the body of an error's document."""
    status = status_of(error)
    body = Problem(
        title=status.phrase,
        status=status,
        code=error.code,
        detail=detail_of(error),
        request_id=request_id,
        **_more(error),
    )
    headers = headers_of(error) | {"Content-Type": "application/problem+json"}
    return status, headers, _encoder.encode(body)


def _more(error: CallerIdError) -> dict[str, Any]:
    """Return the fields that only this kind of error adds to its problem document."""
    match error:
        case InvalidField():
            return {"field": mask_text(error.field)}
        case NoEligibleNumber():
            # An error shows no number, not even one of ours to who may see it.
            masked = tuple(
                replace(candidate, number=mask(candidate.number)) for candidate in error.explanation
            )
            return {"reasons": error.reasons, "explanation": masked or UNSET}
        case OutsideCallingWindow():
            return {"opens_at": error.opens_at}
        case PartlyAdded():
            return _fates(error)
    return {}


def _fates(error: PartlyAdded) -> dict[str, tuple[Placed, ...]]:
    """Return the fate of each number, by its place in the request, so that none is in clear."""
    places = {number: place for place, number in enumerate(error.asked)}
    return {
        fate: tuple(Placed(places[number], mask(number)) for number in error.fates.get(fate, ()))
        for fate in error.FATES
    }


def line(error: CallerIdError) -> web.Response:
    """An error as one line of text, `code: detail`.

    For `?format=text`: a dialplan gets the body whatever the status is, and cannot read JSON. No
    code starts as a number does, so one look at the first sign tells a refusal from a caller.
    Headers it cannot read either, so that Retry-After stands at the end once more, in brackets.
    """
    headers = headers_of(error)
    text = f"{error.code}: {' '.join(detail_of(error).split())}"
    if "Retry-After" in headers:
        text += f" (Retry-After: {headers['Retry-After']})"
    return web.Response(status=status_of(error), text=f"{text}\n", headers=headers)


def status_of(error: CallerIdError) -> HTTPStatus:
    """The status of an error; whatever has none of its own is the service's fault."""
    return STATUS.get(error.code, HTTPStatus.INTERNAL_SERVER_ERROR)


def detail_of(error: CallerIdError) -> str:
    """Return an error's message, masked where a foreign text in it holds a phone number."""
    return mask_text(error.detail)


def headers_of(error: CallerIdError) -> dict[str, str]:
    """The headers that help with an error."""
    match error:
        case CccThrottled() | CccUnavailable():
            return {"Retry-After": CCC_RETRY_SECONDS}
        case Unavailable():
            return {"Retry-After": str(max(1, math.ceil(error.retry_after)))}
        case Unauthenticated():
            return {"WWW-Authenticate": 'Bearer realm="callerid"'}
        case Forbidden():
            return {"WWW-Authenticate": 'Bearer realm="callerid", error="insufficient_scope"'}
        case MethodNotAllowed():
            return {"Allow": error.allow}
    return {}
