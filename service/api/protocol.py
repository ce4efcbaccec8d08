"""aiohttp's connection, whose own refusals have our one shape and repeat nothing that came.

By itself aiohttp logs a head that it cannot read, bytes and all, and sends them back: a bearer
token whose file ended in a line break, a signature, a phone number.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler, RequestPayloadError

from service.api.envelope import expected, id_of, with_headers
from service.api.problems import ExpectationFailed, NotFound, document
from service.errors import CallerIdError


class Protocol(RequestHandler):
    """A client's connection.

    Args:
        manager: the server.
        new_id: makes ids of requests.
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

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, *rest: Any, **named: Any
    ) -> tuple[web.StreamResponse, bool]:
        """Send a document of ours where aiohttp refused by itself, which no id shows."""
        if "X-Request-Id" not in resp.headers:
            request_id = id_of(request, self._new_id)
            resp = with_headers(document(_refused(resp.status), request_id), request_id)
        return await super().finish_response(request, resp, *rest, **named)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log what broke between two requests; bytes that cannot be read are the client's."""
        if isinstance(error := kw.get("exc_info"), HttpProcessingError | RequestPayloadError):
            expected(error, self._new_id())
        else:
            super().log_exception(*args, **kw)


class ProtocolServer(web.Server):
    """aiohttp's server, whose connections `connect` makes."""

    def __init__(
        self, connect: Callable[..., Protocol], ordinary: web.Server, options: dict[str, Any]
    ) -> None:
        super().__init__(
            ordinary.request_handler,
            request_factory=ordinary.request_factory,
            handler_cancellation=ordinary.handler_cancellation,
        )
        self._connect = connect
        self._options = options

    def __call__(self) -> RequestHandler:
        """Make the protocol of one connection."""
        return self._connect(self, loop=self._loop, **self._options)


class ProtocolRunner(web.AppRunner):
    """Runs an application behind the connections that `connect` makes."""

    def __init__(
        self,
        app: web.Application,
        connect: Callable[..., Protocol],
        shutdown_timeout: float,
        **options: Any,
    ) -> None:
        super().__init__(app, shutdown_timeout=shutdown_timeout, handler_cancellation=False)
        self._connect = connect
        self._options = options

    async def _make_server(self) -> web.Server:
        return ProtocolServer(self._connect, await super()._make_server(), self._options)


def _refused(status: int) -> CallerIdError:
    if status == HTTPStatus.EXPECTATION_FAILED:
        return ExpectationFailed("Expect: send 100-continue, or nothing")
    return NotFound("Nothing is served at this path")
