"""aiohttp's connection, whose own refusals have our one shape and repeat nothing that came.

By itself aiohttp logs a head that it cannot read, bytes and all, and sends them back: a bearer
token whose file ended in a line break, a signature, a phone number.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler, RequestPayloadError

from service.api.envelope import expected, id_of, with_headers
from service.api.problems import ExpectationFailed, NotFound, document
from service.errors import CallerIdError
from service.tracing import traced_by, traceparent_of

Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_CONTINUE = "100-continue"


class Protocol(RequestHandler):
    """A client's connection.

    Args:
        manager: aiohttp's server.
        new_id: makes the ids of requests that have none.
        options: as aiohttp takes them.
    """

    __slots__ = ("_new_id",)

    def __init__(self, manager: web.Server, new_id: Callable[[], str], **options: Any) -> None:
        super().__init__(manager, **options)
        self._new_id = new_id

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Refuse what cannot be read as HTTP, or broke outside of a handler, and close.

        Raises:
            ConnectionError: the answer has begun already.
        """
        del status, message  # aiohttp's own, which repeat what came
        request_id = self._new_id()
        error = expected(exc or RuntimeError("aiohttp names no cause"), request_id)
        if request.writer.output_size > 0:
            raise ConnectionError("The answer has begun already")
        refusal = with_headers(document(error, request_id), request_id)
        refusal.force_close()
        return refusal

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log what broke between two requests; bytes that cannot be read are the client's."""
        if isinstance(error := kw.get("exc_info"), HttpProcessingError | RequestPayloadError):
            expected(error, self._new_id())
        else:
            super().log_exception(*args, **kw)


def refusing(handle: Handle, new_id: Callable[[], str]) -> Handle:
    """Have an application refuse in our shape what reaches none of its handlers."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        error: CallerIdError
        with traced_by(traceparent_of(request.headers.getall("traceparent", ()))):
            if (request.headers.get("Expect") or _CONTINUE).lower() != _CONTINUE:
                error = ExpectationFailed(f"Expect: send {_CONTINUE}, or nothing")
            else:
                try:
                    return await handle(request)
                except web.HTTPException:
                    error = NotFound("Nothing is served here: the target is no path")
            request_id = id_of(request, new_id)
            return with_headers(document(error, request_id), request_id)

    return answer
