"""Write the emulator's answers and refusals: their envelopes, and the faults of their transport.

What the envelope holds is the actions' business, how its content is distorted that of `faults`.
"""

from http import HTTPStatus
from typing import Any

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


def refusal_of(error: InvalidField | ClaimRefused) -> Refusal:
    """Return the refusal of a parameter or of a signature."""
    if isinstance(error, ClaimRefused | ParameterRefused):
        return Refusal(error.ccc_code, *error.values)
    return Refusal("InvalidParameter", error.field)


def success(answered: dict[str, Any], request_id: str, faults: Faults) -> web.Response:
    """Put what an action answers beside the envelope's fields, then let the switches at it."""
    body = catalogue.success(request_id, answered)
    return _response(HTTPStatus.OK, distort(body, faults), request_id)


def failure(refusal: Refusal, request_id: str, host: str, faults: Faults) -> web.Response:
    """Write a refusal as Alibaba Cloud's gateway at `host` does."""
    body = catalogue.failure(request_id, host, refusal.code, refusal.message)
    response = _response(refusal.status, body, request_id)
    if refusal.code.startswith("Throttling") and faults.retry_after_ms:
        response.headers["x-acs-retry-after"] = str(faults.retry_after_ms)
    return response


def _response(status: HTTPStatus, body: dict[str, Any], request_id: str) -> web.Response:
    return web.Response(
        status=status,
        body=orjson.dumps(body),
        headers={"x-acs-request-id": request_id},
        content_type="application/json",
        charset="utf-8",
    )


async def send(request: web.Request, answer: web.Response, faults: Faults) -> web.StreamResponse:
    """Return an answer, or what the switches leave of it."""
    if faults.garbage:
        return web.Response(body=_GARBAGE, content_type="text/html")
    if faults.empty_body:
        return web.Response(status=answer.status)
    if faults.endless:
        return await _endless(request)
    if faults.truncated:
        return await _cut(request, answer)
    return answer


def disconnect(request: web.Request) -> web.StreamResponse:
    """Close the connection at once; the response returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _endless(request: web.Request) -> web.StreamResponse:
    """Send blanks, which JSON may begin with, until whoever asked has gone."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" " * 65536)


async def _cut(request: web.Request, answer: web.Response) -> web.StreamResponse:
    """Announce the whole body, send half of it, and hang up."""
    body = bytes(answer.body)  # type: ignore[arg-type]  # bytes, as `_response` makes it
    response = web.StreamResponse(status=answer.status)
    response.content_length = len(body)
    response.content_type = "application/json"
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
