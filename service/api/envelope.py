"""Around every handler: the request's id, and the one shape of whatever goes wrong."""

import logging
import re
import traceback
from collections.abc import Callable

from aiohttp import web
from aiohttp.hdrs import METH_ANY
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler
from aiohttp.web_protocol import RequestPayloadError

from service.api.auth import asker_of
from service.api.parts import API, REQUEST_ID
from service.api.problems import STATUS, InternalError, MethodNotAllowed, NotFound, document, line
from service.api.rpc.refusal import refusal
from service.errors import CallerIdError, MalformedRequest
from service.logs import mask_text
from service.metrics import OK
from service.tracing import TRACEPARENT

_LOG = logging.getLogger(__name__)

_SANE_ID = re.compile(r"[!-~]{1,128}")

# Not by parsing the query, which may have thousands of fields.
_AS_TEXT = re.compile(r"(?:^|&)format=text(?:&|$)")

# Of every answer. No version is named, and no browser may take an answer for what it is not.
HEADERS = {"Server": "callerid", "X-Content-Type-Options": "nosniff"}


def answered(handler: Handler) -> Handler:
    """Have a handler answer with the request's own id, or a new one where it sent no sane one.

    Around each handler and not a middleware: aiohttp builds a chain of those anew for each request.
    """

    async def answer(request: web.Request) -> web.StreamResponse:
        api = request.app[API]
        parts = api.parts
        request_id, code = id_of(request, parts.new_id), OK
        request[REQUEST_ID] = request_id
        try:
            if api.page_guard is not None:
                api.page_guard.check(request)
            response = await handler(request)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            refused = expected(error, request_id)
            response, code = _refusal(request, refused, request_id), refused.code
        api.replied.count((asker_of(request).name, code))
        if parts.is_draining() or "Upgrade" in request.headers:
            # Whoever keeps a connection learns now, and not in the middle of the next request; what
            # comes behind a wish to upgrade aiohttp does not read.
            response.force_close()
        return with_headers(response, request_id)

    return answer


def id_of(request: web.BaseRequest, new_id: Callable[[], str]) -> str:
    """Return the id that a request brought, or a new one where it brought no sane one."""
    request_id = request.headers.get("X-Request-Id")
    if request_id is None or not _SANE_ID.fullmatch(request_id):
        return new_id()
    return request_id


def with_headers(response: web.StreamResponse, request_id: str) -> web.StreamResponse:
    """Give a response the headers that every answer has."""
    response.headers["X-Request-Id"] = request_id
    if traceparent := TRACEPARENT.get():
        response.headers["traceparent"] = traceparent
    response.headers.update(HEADERS)
    return response


async def nothing_here(request: web.Request) -> web.StreamResponse:
    """Refuse what no route takes: a path that there is not, or a method that its path has not."""
    allowed: set[str] = set()
    for resource in request.app.router.resources():
        allowed |= (await resource.resolve(request))[1]
    allowed.discard(METH_ANY)
    if allowed:
        raise MethodNotAllowed(", ".join(sorted(allowed)))
    raise NotFound("Nothing is served at this path; /openapi.json has those that there are")


def expected(error: BaseException, request_id: str) -> CallerIdError:
    """An error as the taxonomy has it; what nobody expected is logged, once."""
    match error:
        case CallerIdError() if error.code in STATUS:
            return error
        case ConnectionError():
            return MalformedRequest("The client hung up before it had its answer")
        case HttpProcessingError() | RequestPayloadError():
            return _unreadable(error, request_id)
    trace = mask_text("".join(traceback.format_exception(error)))
    _LOG.error("Request %s met what nobody expected\n%s", request_id, trace)
    return InternalError()


def _unreadable(error: BaseException, request_id: str) -> MalformedRequest:
    """Refuse bytes that are no HTTP; aiohttp's words repeat them, so its name for it is all."""
    kind = type(error).__name__
    _LOG.warning("Request %s cannot be read as HTTP: %s", request_id, kind)
    return MalformedRequest(
        f"The request cannot be read as HTTP ({kind}); look for line breaks, NUL, letters that are"
        " not percent-encoded and other stray characters in its first line, its headers, and the"
        " files that they were made from"
    )


def _refusal(request: web.Request, error: CallerIdError, request_id: str) -> web.Response:
    if request.path == "/":
        return refusal(request, error, request_id)
    if _AS_TEXT.search(request.rel_url.raw_query_string):
        return line(error)
    return document(error, request_id)
