"""Around every handler: the request's id, and the one shape of whatever goes wrong."""

import logging
import re
import traceback

from aiohttp import web
from aiohttp.typedefs import Handler

from service.api import rpc_refusal
from service.api.parts import API, REQUEST_ID
from service.api.problems import STATUS, InternalError, MethodNotAllowed, NotFound, document, line
from service.errors import CallerIdError
from service.logs import mask_text

_LOG = logging.getLogger(__name__)

_SANE_ID = re.compile(r"[!-~]{1,128}")


@web.middleware
async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer with the request's own id, or a new one where it sent none that is sane."""
    parts = request.app[API].parts
    request_id = request.headers.get("X-Request-Id")
    if request_id is None or not _SANE_ID.fullmatch(request_id):
        request_id = parts.new_id()
    request[REQUEST_ID] = request_id
    try:
        response = await handler(request)
    except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
        response = _refusal(request, _known(error, request_id), request_id)
    response.headers["X-Request-Id"] = request_id
    if parts.is_draining():
        # Whoever keeps a connection learns now, and not in the middle of the next request.
        response.force_close()
    return response


def _known(error: Exception, request_id: str) -> CallerIdError:
    """An error as the taxonomy has it; what nobody expected is logged, once."""
    match error:
        case CallerIdError() if error.code in STATUS:
            return error
        case web.HTTPMethodNotAllowed():
            return MethodNotAllowed(", ".join(sorted(error.allowed_methods)))
        case web.HTTPNotFound():
            return NotFound("There is nothing at this path")
    trace = mask_text("".join(traceback.format_exception(error)))
    _LOG.error("Request %s met what nobody expected\n%s", request_id, trace)
    return InternalError()


def _refusal(request: web.Request, error: CallerIdError, request_id: str) -> web.Response:
    if request.path == "/":
        return rpc_refusal.refusal(request, error, request_id)
    if request.query.get("format") == "text":
        return line(error)
    return document(error, request_id)
