"""Write the emulator's answers and refusals: their envelopes, and the faults of their transport.

What the envelope holds is the actions' business, how its content is distorted that of `faults`.
"""

from http import HTTPStatus
from typing import Any

import msgspec
import orjson
from aiohttp import web

from service.ccc import catalogue
from service.ccc.catalogue import worded
from service.ccc.parameters import ParameterRefused
from service.emulator.faults import Faults, distort
from service.errors import ClaimRefused, InvalidField

SERVER_ERRORS = {500: "InternalError", 503: "ServiceUnavailable"}

_GARBAGE = b"<html><body>Please log in to the network.</body></html>"


class Refusal(Exception):
    """An answer that is an error: `code` and its message's values, as the catalogue words them."""

    def __init__(self, code: str, *values: object) -> None:
        self.status, self.message = worded(code, *values)
        self.code = code
        super().__init__(f"{code}: {self.message}")

    @property
    def is_throttling(self) -> bool:
        """True if flow control refused the call."""
        return self.code.startswith("Throttling")


def refusal_of(error: InvalidField | ClaimRefused) -> Refusal:
    """Return the refusal of a parameter or of a signature."""
    if isinstance(error, ClaimRefused | ParameterRefused):
        return Refusal(error.ccc_code, *error.values)
    return Refusal("InvalidParameter", error.field)


class EmulatedResponse(msgspec.Struct, frozen=True):
    """A reply before it is written."""

    status: HTTPStatus
    body: dict[str, Any]
    headers: dict[str, str]


def success(answered: dict[str, Any], request_id: str, faults: Faults) -> EmulatedResponse:
    """Put what an action answers beside the envelope's fields, then let the switches at it."""
    body = catalogue.success(request_id, answered)
    return EmulatedResponse(HTTPStatus.OK, distort(body, faults), {"x-acs-request-id": request_id})


def failure(refusal: Refusal, request_id: str, host: str, faults: Faults) -> EmulatedResponse:
    """Write a refusal as Alibaba Cloud's gateway at `host` does."""
    body = catalogue.failure(request_id, host, refusal.code, refusal.message)
    headers = {"x-acs-request-id": request_id}
    if refusal.is_throttling and faults.retry_after_ms:
        headers["x-acs-retry-after"] = str(faults.retry_after_ms)
    return EmulatedResponse(refusal.status, body, headers)


async def send(
    request: web.Request, answer: EmulatedResponse, faults: Faults
) -> web.StreamResponse:
    """Send an answer, or what the switches leave of it."""
    body = orjson.dumps(answer.body)
    if faults.garbage:
        return web.Response(body=_GARBAGE, content_type="text/html")
    if faults.empty_body:
        return web.Response(status=answer.status)
    if faults.truncated:
        return await _cut(request, answer.status, body)
    return web.Response(
        status=answer.status,
        body=body,
        headers=answer.headers,
        content_type="application/json",
        charset="utf-8",
    )


def disconnect(request: web.Request) -> web.StreamResponse:
    """Close the connection at once; the response returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _cut(request: web.Request, status: int, body: bytes) -> web.StreamResponse:
    """Announce the whole body, send half of it, and hang up."""
    response = web.StreamResponse(status=status, headers={"Content-Length": str(len(body))})
    response.content_type = "application/json"
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
